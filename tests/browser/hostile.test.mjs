// Clients that mean harm, against the whole server: a meeting goes on beside them, and memory stays bounded.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { LibraryPage, Server, joinWithLibrary, libraryReceives, me, openChromium, within } from './harness.mjs';
import { MUC, join, stream } from './stream.mjs';

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
    const talkers = [];

    for (let n = 0; n < 14; n++) {
        talkers.push(await stream());
        await join(talkers[n], 'deaf');
    }
    // A stopped process reads nothing; a paused socket of node's still does.
    const deaf = spawn(process.execPath, [ new URL('deaf.mjs', import.meta.url).pathname, 'deaf' ], { stdio: [ 'ignore', 'pipe', 'inherit' ] });
    const [ nick ] = await within(10_000, 'the deaf client joins', once(deaf.stdout, 'data'));

    after(() => deaf.kill('SIGKILL'));
    deaf.kill('SIGSTOP');
    // Not chat, which is shorter than that.
    const said = 'y'.repeat(40_000);
    let gone = false;
    const leaving = talkers[0].next(new RegExp(`<presence(?=[^>]*unavailable)(?=[^>]*/${String(nick).trim()})`), 40_000).then(() => {
        gone = true;
    });

    // Everybody talks to the deaf one within the bounds of one client, and is answered all the while.
    for (let n = 0; n < 6 && !gone; n++) {
        for (const [ who, talker ] of talkers.entries()) {
            const id = `m${who}-${n}`;

            talker.socket.send(`<message to="${MUC('deaf')}/${String(nick).trim()}" type="chat" xmlns="jabber:client"><json-message xmlns="http://jitsi.org/jitmeet">${said}</json-message></message>`);
            talker.socket.send(`<iq id="${id}" type="get" xmlns="jabber:client"><ping xmlns="urn:xmpp:ping"/></iq>`);
            await talker.next(new RegExp(`id=['"]${id}['"]`));
        }
    }
    await within(10_000, 'it is dropped for what waits, long before it would be for its silence', leaving);
    assert.ok(server.memory() - before < 12 * 1024, `grew by ${server.memory() - before} KiB`);
    deaf.kill('SIGKILL');
    for (const { socket } of talkers) {
        socket.terminate();
    }
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
