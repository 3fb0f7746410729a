// Clients that mean harm, against the whole server: a meeting goes on beside them, and memory stays bounded.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import WebSocket from 'ws';
import { LibraryPage, Server, joinWithLibrary, libraryReceives, me, openChromium, within } from './harness.mjs';

const MUC = room => `${room}@conference.moothall.internal`;
let server, browser, library, ada, grace;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
    library = await LibraryPage.start();
    ada = await joinWithLibrary(browser, library, { room: 'calm', name: 'Ada' });
    grace = await joinWithLibrary(browser, library, { room: 'calm', name: 'Grace' });
    await theMeetingGoesOn();
});
after(async () => {
    library?.stop();
    await browser?.close();
    await server?.stop();
});

async function theMeetingGoesOn() {
    await libraryReceives(ada, [ await me(grace) ]);
    await libraryReceives(grace, [ await me(ada) ]);
}

/** An XMPP stream that is bound; `next(pattern)` waits for a frame. */
async function stream() {
    const socket = new WebSocket('wss://127.0.0.1:8443/xmpp-websocket?room=calm', 'xmpp', { rejectUnauthorized: false, maxPayload: 0 });
    const frames = [];
    let wake = () => {};

    socket.on('message', data => {
        frames.push(String(data));
        wake();
    });
    socket.on('error', () => {});
    await once(socket, 'open');
    const next = pattern => within(10_000, String(pattern), (async () => {
        for (;;) {
            const found = frames.findIndex(frame => pattern.test(frame));

            if (found >= 0) {
                return frames.splice(found, 1)[0];
            }
            await new Promise(resolve => {
                wake = resolve;
            });
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

async function join({ socket, next, nick }, room) {
    socket.send(`<iq id="c" to="focus.moothall.internal" type="set" xmlns="jabber:client"><conference room="${MUC(room)}" xmlns="http://jitsi.org/protocol/focus"/></iq>`);
    await next(/ready=['"]true/);
    socket.send(`<presence to="${MUC(room)}/${nick}" xmlns="jabber:client"><x xmlns="http://jabber.org/protocol/muc"/></presence>`);
    await next(/code=['"]110/);
}

test('a stranger floods the media port', async () => {
    const before = server.memory();
    const socket = dgram.createSocket('udp4');
    const send = datagram => new Promise(resolve => socket.send(datagram, 10_000, '127.0.0.1', resolve));

    for (let n = 0; n < 30_000; n++) {
        const datagram = Buffer.alloc(60 + n % 1000, n);

        datagram[0] = [ 0, 1, 22, 128, 200 ][n % 5];
        await send(datagram);
    }
    socket.close();
    await theMeetingGoesOn();
    assert.ok(server.memory() - before < 2048, `grew by ${server.memory() - before} KiB`);
});

test('stanzas at and over the limit', async () => {
    const big = await stream();

    await join(big, 'big');
    const closed = once(big.socket, 'close');

    big.socket.send(`<message to="${MUC('big')}" type="groupchat" xmlns="jabber:client"><body>${'x'.repeat(600 * 1024)}</body></message>`);
    await within(10_000, 'the stream of the oversize stanza ends', closed);
    for (let n = 0; n < 10; n++) {
        const deep = await stream();
        const ended = once(deep.socket, 'close');

        deep.socket.send(`<message to="${MUC('big')}" xmlns="jabber:client">${'<a>'.repeat(40_000)}`);
        await within(10_000, 'the stream of the deep stanza ends', ended);
    }
    await theMeetingGoesOn();
});

test('an undeclared prefix does not reach anybody', async () => {
    const hostile = await stream();
    const witness = await stream();

    await join(witness, 'prefix');
    await join(hostile, 'prefix');
    hostile.socket.send(`<message to="${MUC('prefix')}" type="groupchat" xmlns="jabber:client"><body>before</body></message>`);
    await witness.next(/before/);
    hostile.socket.send(`<message to="${MUC('prefix')}" type="groupchat" xmlns="jabber:client"><evil:body>poison</evil:body></message>`);
    witness.socket.send(`<message to="${MUC('prefix')}" type="groupchat" xmlns="jabber:client"><body>after</body></message>`);
    const seen = await witness.next(/after|poison/);

    assert.ok(!seen.includes('poison'));
    hostile.socket.terminate();
    witness.socket.terminate();
});

test('a client that never reads is dropped, the others talk on', async () => {
    const before = server.memory();
    const talker = await stream();

    await join(talker, 'deaf');
    const deaf = await stream();

    await join(deaf, 'deaf');
    deaf.socket.pause();
    const body = 'y'.repeat(40_000);
    let last = 0;

    // Sent as fast as it comes back to the sender: the deaf one's queue must fill, the talker's must not.
    const gone = talker.next(new RegExp(`unavailable[^>]*/${deaf.nick}|/${deaf.nick}[^>]*unavailable`)).then(() => true, () => false);

    for (; last < 400; last++) {
        talker.socket.send(`<message id="m${last}" to="${MUC('deaf')}" type="groupchat" xmlns="jabber:client"><body>${body}</body></message>`);
        await talker.next(new RegExp(`m${last}['"]`));
    }
    assert.ok(await gone, 'the deaf client has left the room');
    assert.ok(server.memory() - before < 12 * 1024, `grew by ${server.memory() - before} KiB`);
    talker.socket.terminate();
    deaf.socket.terminate();
    await theMeetingGoesOn();
});

test('half-open connections do not keep others out', async () => {
    const sockets = [];

    for (let n = 0; n < 200; n++) {
        const socket = tls.connect({ host: '127.0.0.1', port: 8443, rejectUnauthorized: false });

        socket.on('error', () => {});
        sockets.push(socket);
        if (n % 2) {
            socket.write('GET / HTTP/1.1\r\nHost: x');
        }
    }
    const health = await within(10_000, 'health is answered', server.get('/about/health', '192.0.2.2'));

    assert.equal(health.status, 200);
    sockets.forEach(socket => socket.destroy());
    await theMeetingGoesOn();
});
