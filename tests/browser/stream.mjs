// An XMPP stream without a browser, for tests that misbehave on purpose.
import { once } from 'node:events';
import WebSocket from 'ws';
import { within } from './harness.mjs';

export const MUC = room => `${room}@conference.moothall.internal`;

/** An XMPP stream that is bound; `next(pattern)` waits for a frame. */
export async function stream() {
    const socket = new WebSocket('wss://127.0.0.1:8443/xmpp-websocket?room=calm', 'xmpp', { rejectUnauthorized: false, maxPayload: 0 });
    const frames = [];
    const waiting = [];

    socket.on('message', data => {
        frames.push(String(data.subarray(0, 2000))); // enough to tell them apart
        waiting.splice(0).forEach(wake => wake());
    });
    socket.on('error', () => {});
    await once(socket, 'open');
    const next = (pattern, ms = 10_000) => within(ms, String(pattern), (async () => {
        for (;;) {
            const found = frames.findIndex(frame => pattern.test(frame));

            if (found >= 0) {
                return frames.splice(found, 1)[0];
            }
            await new Promise(resolve => waiting.push(resolve));
        }
    })());
    const open = '<open to="moothall.internal" version="1.0" xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>';

    socket.send(open);
    await next(/mechanisms/);
    socket.send('<auth mechanism="ANONYMOUS" xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>');
    await next(/<success/);
    socket.send(open);
    await next(/xmpp-bind/);
    socket.send('<iq id="b" type="set" xmlns="jabber:client"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>');
    const jid = /<jid[^>]*>([^<]+)<\/jid>/.exec(await next(/<jid/))[1];

    return { socket, next, jid, nick: jid.slice(0, 8) };
}

export async function join({ socket, next, nick }, room) {
    socket.send(`<iq id="c" to="focus.moothall.internal" type="set" xmlns="jabber:client"><conference room="${MUC(room)}" xmlns="http://jitsi.org/protocol/focus"/></iq>`);
    await next(/ready=['"]true/);
    socket.send(`<presence to="${MUC(room)}/${nick}" xmlns="jabber:client"><x xmlns="http://jabber.org/protocol/muc"/></presence>`);
    await next(/code=['"]110/);
}
