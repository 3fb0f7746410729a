// The audio of a meeting goes to somebody outside it, in the words of Jitsi's multitrack recorder, when a moderator asks for it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { WebSocketServer } from 'ws';
import { LibraryPage, Server, happens, libraryReceives, me, openChromium, tab, within } from './harness.mjs';
import { oggOpus } from './ogg.mjs';
import { joinWithPage, shot } from './page.mjs';

const PORT = 8989;

let server, browser, library, folder, consumer;

/** Listens as Jitsi's multitrack recorder does; keeps what it is told by each connection. */
class Consumer {
    constructor() {
        this.connections = [];
        this.wake = [];
    }

    async listen() {
        this.server = new WebSocketServer({ host: '127.0.0.1', port: PORT });
        this.server.on('connection', (socket, request) => {
            const connection = { socket, path: request.url, headers: request.headers, events: [] };

            this.connections.push(connection);
            socket.on('message', data => {
                const event = JSON.parse(data);

                connection.events.push(event);
                if (event.event === 'ping' && !this.deaf) {
                    socket.send(JSON.stringify({ event: 'pong', id: event.id }));
                }
                this.stir();
            });
            socket.on('close', code => {
                connection.closed = code;
                this.stir();
            });
            this.stir();
        });
        await once(this.server, 'listening');
    }

    stir() {
        this.wake.splice(0).forEach(wake => wake());
    }

    /** Waits until `check` answers something. */
    sees(what, check, ms = 30_000) {
        return within(ms, what, (async () => {
            for (;;) {
                const found = check(this.connections);

                if (found) {
                    return found;
                }
                await new Promise(resolve => this.wake.push(resolve));
            }
        })());
    }

    /** Ends without a word. */
    async die() {
        this.server.clients.forEach(socket => socket.terminate());
        this.server.close();
        await once(this.server, 'close');
    }
}

before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'moothall-mediajson-'));
    const config = path.join(folder, 'site.toml');

    writeFileSync(config, `[transcription]\nurl_template = "ws://127.0.0.1:${PORT}/record/{{MEETING_ID}}"\n`
        + 'http_headers = ["Authorization: Bearer of-the-box"]\n');
    consumer = new Consumer();
    await consumer.listen();
    server = await Server.start({ config });
    browser = await openChromium();
    library = await LibraryPage.start();
});
after(async () => {
    library?.stop();
    await browser?.close();
    await server?.stop();
    await consumer?.die();
    rmSync(folder, { recursive: true, force: true });
});

/** Runs in a page, before everything else: its microphone hums at this frequency, and what a transcriber says is kept. */
function hum(hertz) {
    const Native = window.WebSocket;

    window.results = [];
    window.WebSocket = class extends Native {
        constructor(...args) {
            super(...args);
            this.addEventListener('message', ({ data }) => String(data).includes('transcription-result') && window.results.push(JSON.parse(data)));
        }
    };
    const devices = navigator.mediaDevices;
    const native = devices.getUserMedia.bind(devices);

    devices.getUserMedia = async wanted => {
        const stream = await native(wanted);

        if (wanted.audio) {
            const context = new AudioContext({ sampleRate: 48_000 });
            const tone = new OscillatorNode(context, { frequency: hertz });
            const quieter = new GainNode(context, { gain: 0.3 });
            const made = context.createMediaStreamDestination();

            tone.connect(quieter).connect(made);
            tone.start();
            stream.getAudioTracks().forEach(track => stream.removeTrack(track));
            stream.addTrack(made.stream.getAudioTracks()[0]);
        }

        return stream;
    };
}

async function join(room, name, hertz) {
    const page = await tab(browser);

    await page.addInitScript(hum, hertz);
    await page.goto(library.url({ room, name, height: 180 }));
    await happens(page, 'joined');

    return page;
}

/** A moderator's client says so in the room's metadata; the library of 2022 knows nothing of it. */
function transcribe(page, room, wanted) {
    return page.evaluate(([ name, isTranscribingEnabled ]) => {
        const json = JSON.stringify({ type: 'room_metadata', key: 'recording', data: { isTranscribingEnabled } });
        const message = document.implementation.createDocument('jabber:client', 'message').documentElement;
        const payload = message.ownerDocument.createElementNS('http://jitsi.org/jitmeet', 'room_metadata');

        message.setAttribute('to', 'metadata.moothall.internal');
        payload.setAttribute('room', `${name}@conference.moothall.internal`);
        payload.textContent = json;
        message.appendChild(payload);
        window.meeting.conference.xmpp.connection.send(message);
    }, [ room, wanted ]);
}

const media = (connection, tag) => connection.events.filter(({ event, media }) => event === 'media' && media.tag === tag).map(event => event.media);
const starts = connection => connection.events.filter(({ event }) => event === 'start').map(event => event.start);

/** The frequency that is heard in Opus packets, in hertz. */
function frequency(packets) {
    const ogg = path.join(folder, 'heard.ogg');
    const pcm = path.join(folder, 'heard.pcm');

    writeFileSync(ogg, oggOpus(packets));
    execFileSync('gst-launch-1.0', [ '-q', 'filesrc', `location=${ogg}`, '!', 'oggdemux', '!', 'opusdec', '!', 'audioconvert',
        '!', 'audioresample', '!', 'audio/x-raw,format=S16LE,rate=48000,channels=1', '!', 'filesink', `location=${pcm}` ]);
    const bytes = readFileSync(pcm);
    const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1).subarray(48_000);
    let crossings = 0;

    for (let at = 1; at < samples.length; at++) {
        crossings += samples[at - 1] < 0 && samples[at] >= 0;
    }

    return crossings / (samples.length / 48_000);
}

test('everybody is heard outside, each as a source of its own, until a moderator ends it', async () => {
    const room = 'written';
    const ada = await join(room, 'Ada', 440);
    const bob = await join(room, 'Bob', 1000);
    const ids = [ await me(ada), await me(bob) ];

    await libraryReceives(ada, [ ids[1] ]);
    assert.equal(consumer.connections.length, 0, 'nobody asked for it');
    await transcribe(bob, room, true);
    await transcribe(ada, room, true);
    const connection = await consumer.sees('a connection', ([ first ]) => first);

    assert.match(connection.path, /^\/record\/[0-9a-f-]{36}$/);
    assert.equal(connection.headers.authorization, 'Bearer of-the-box');
    const tags = ids.map(id => `${id}-a0`);

    await consumer.sees('four seconds of both', () => tags.every(tag => media(connection, tag).length >= 200));
    const [ info, ...rest ] = connection.events.filter(({ event }) => event !== 'ping');

    assert.equal(info.event, 'info');
    assert.deepEqual(rest.map(event => Number(event.sequenceNumber)), rest.map((_, index) => index + 1));
    assert.deepEqual(starts(connection).toSorted((a, b) => a.tag.localeCompare(b.tag)), ids.toSorted().map(id => ({
        tag: `${id}-a0`,
        mediaFormat: { encoding: 'opus', sampleRate: 48_000, channels: 2 },
        customParameters: { endpointId: id }
    })));
    for (const [ index, hertz ] of [ 440, 1000 ].entries()) {
        const heard = media(connection, tags[index]);

        for (const [ before, packet ] of heard.slice(1).map((packet, at) => [ heard[at], packet ])) {
            assert.equal(packet.timestamp - before.timestamp, (packet.chunk - before.chunk) * 960, JSON.stringify(packet));
        }
        assert.ok(heard.every(({ audioLevel, vad }) => audioLevel >= 0 && audioLevel < 128 && typeof vad === 'boolean'));
        const found = frequency(heard);

        assert.ok(Math.abs(found - hertz) < hertz * 0.02, `${hertz}: ${found}`);
    }
    await consumer.sees('a ping', () => connection.events.some(({ event }) => event === 'ping'));
    const result = { event: 'transcription-result', type: 'transcription-result', transcript: [ { text: 'hello' } ] };

    connection.socket.send(JSON.stringify(result));
    for (const page of [ ada, bob ]) {
        await page.waitForFunction(() => window.results.length > 0, undefined, { timeout: 10_000 });
        assert.deepEqual(await page.evaluate(() => window.results), [
            { colibriClass: 'EndpointMessage', from: 'transcriber', to: '', msgPayload: result }
        ]);
    }
    const cyd = await joinWithPage(browser, { room, name: 'Cyd' });

    await cyd.locator('[data-test=notice-exported]').waitFor();
    assert.match(await cyd.locator('.notices').innerText(), /The sound of this meeting goes to somebody outside/);
    await cyd.locator('[data-test=recorded]').waitFor();
    await shot(cyd, 'exported');
    await transcribe(ada, room, false);
    await cyd.locator('[data-test=recorded]').waitFor({ state: 'hidden' });
    await consumer.sees('the end', () => connection.closed);
    assert.deepEqual(connection.events.at(-1), { event: 'session-end' });
    assert.equal(connection.closed, 1001);
    await Promise.all([ ada, bob, cyd ].map(page => page.context().close()));
});

test('a consumer that dies is called again, and again from the beginning', async () => {
    const room = 'called-again';
    const ada = await join(room, 'Ada', 440);
    const count = consumer.connections.length;

    await transcribe(ada, room, true);
    const first = await consumer.sees('a connection of one alone', all => all[count]);
    const tag = `${await me(ada)}-a0`;

    await consumer.sees('sound', () => media(first, tag).length > 20);
    await consumer.die();
    await server.says(/trying again/, 10_000);
    await consumer.listen();
    const second = await consumer.sees('another connection', all => all[count + 1]);

    await consumer.sees('sound again', () => media(second, tag).length > 20);
    assert.equal(second.path, first.path);
    const [ start ] = second.events.filter(({ event }) => event === 'start');

    assert.deepEqual([ start.sequenceNumber, start.start.tag ], [ '1', tag ]);
    await ada.context().close();
    await consumer.sees('the meeting is over', () => second.closed);
    assert.deepEqual(second.events.at(-1), { event: 'session-end' });
});

test('a consumer that does not read harms nobody, and is called anew when it does not answer', async () => {
    const room = 'deaf';
    const ada = await join(room, 'Ada', 440);
    const bob = await join(room, 'Bob', 1000);
    const others = [ await me(bob) ];
    const count = consumer.connections.length;

    await libraryReceives(ada, others);
    await transcribe(ada, room, true);
    const deaf = await consumer.sees('a connection', all => all[count]);

    deaf.socket.pause();
    await libraryReceives(ada, others);
    const anew = await consumer.sees('another connection', all => all[count + 1], 40_000);

    await consumer.sees('sound', () => media(anew, `${others[0]}-a0`).length > 20);
    deaf.socket.resume();
    assert.equal(await consumer.sees('what it was told last', () => deaf.closed), 1000);
    await libraryReceives(ada, others);
    await Promise.all([ ada, bob ].map(page => page.context().close()));
});
