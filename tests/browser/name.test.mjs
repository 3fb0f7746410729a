// A network without a name server: the box is found by its name and as a service, and takes its leave. The questions are put together
// here, byte by byte (RFC 1035, RFC 6762): nothing of the box's own takes part in asking.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { Server, within } from './harness.mjs';

const GROUP = '224.0.0.251';
const PORT = 5353;
const PATIENCE = 20_000;
const [ A, PTR, TXT, AAAA, SRV ] = [ 1, 12, 16, 28, 33 ];

let server, network, name;

/** The network's common ear: everything that anybody says to the group. */
class Network {
    static async open() {
        const network = new Network();

        network.socket = dgram.createSocket({ type: 'udp4', reuseAddr: true });
        network.heard = [];
        network.socket.on('message', message => network.heard.push(...records(message)));
        network.socket.bind(PORT);
        await once(network.socket, 'listening');
        network.socket.addMembership(GROUP, '192.0.2.2');
        network.socket.setMulticastInterface('192.0.2.2');

        return network;
    }

    /** Asks, again and again, until an answer fits. */
    async ask(host, type, fits = () => true) {
        const question = Buffer.concat([ Buffer.from([ 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0 ]),
            ...host.split('.').map(label => Buffer.from([ label.length, ...Buffer.from(label) ])),
            Buffer.from([ 0, 0, type, 0, 1 ]) ]);
        const found = () => this.heard.find(record => record.type === type && record.name === host && record.ttl > 0 && fits(record));
        const again = setInterval(() => this.socket.send(question, PORT, GROUP), 1000);

        this.socket.send(question, PORT, GROUP);
        try {
            return await this.hears(found, `an answer to ${host}`);
        } finally {
            clearInterval(again);
        }
    }

    hears(found, what) {
        return within(PATIENCE, what, new Promise(resolve => {
            const look = () => {
                const record = found();

                if (record) {
                    this.socket.off('message', look);
                    resolve(record);
                }
            };

            this.socket.on('message', look);
            look();
        }));
    }
}

/** The answers and additional records of a message. */
function records(message) {
    let at = 12;
    const nameAt = start => {
        const labels = [];
        let here = start, end;

        for (let jumps = 0; message[here] && jumps < 64; jumps++) {
            if (message[here] >= 0xc0) {
                end ??= here + 2;
                here = message.readUInt16BE(here) & 0x3fff;
            } else {
                labels.push(message.toString('utf8', here + 1, here + 1 + message[here]));
                here += 1 + message[here];
            }
        }

        return { name: labels.join('.'), end: end ?? here + 1 };
    };
    const next = () => {
        const { name: found, end } = nameAt(at);

        at = end;

        return found;
    };

    for (let questions = message.readUInt16BE(4); questions > 0; questions--) {
        next();
        at += 4;
    }
    const answers = message.readUInt16BE(2) & 0x8000 ? message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10) : 0;
    const list = [];

    for (let n = 0; n < answers; n++) {
        const owner = next();
        const type = message.readUInt16BE(at), ttl = message.readUInt32BE(at + 4), length = message.readUInt16BE(at + 8), data = at + 10;

        at = data + length;
        list.push({ name: owner,
            type,
            ttl,
            value: {
                [A]: () => [ ...message.subarray(data, at) ].join('.'),
                [AAAA]: () => message.toString('hex', data, at),
                [PTR]: () => nameAt(data).name,
                [SRV]: () => ({ port: message.readUInt16BE(data + 4), target: nameAt(data + 6).name }),
                [TXT]: () => message.toString('utf8', data, at)
            }[type]?.() });
    }

    return list;
}

before(async () => {
    network = await Network.open();
    server = await Server.start();
    name = /https:\/\/(moothall[-0-9a-f]*\.local):8443\//.exec(server.log.join('\n'))?.[1];
});
after(async () => {
    await server?.stop();
    network?.socket.close();
});

test('the name that the box prints leads to it, and its certificate is for that name', async () => {
    assert.ok(name, server.log.join('\n'));
    assert.equal((await network.ask(name, A)).value, '192.0.2.2');
    assert.equal((await network.ask(name, AAAA)).value, `fd00${'2'.padStart(28, '0')}`);
    const socket = tls.connect({ host: '192.0.2.2', port: 8443, servername: name, rejectUnauthorized: false });

    await once(socket, 'secureConnect');
    assert.equal(tls.checkServerIdentity(name, socket.getPeerCertificate()), undefined);
    socket.destroy();
});

test('it is found as a web page and as a box', async () => {
    for (const service of [ '_https._tcp.local', '_moothall._tcp.local' ]) {
        const instance = (await network.ask(service, PTR)).value;

        assert.match(instance, /^Moothall \([0-9a-z]+\)\._/);
        assert.deepEqual((await network.ask(instance, SRV)).value, { port: 8443, target: name });
        assert.match((await network.ask(instance, TXT)).value, /path=\//);
    }
});

test('a box that is switched off takes its leave', async () => {
    const leaves = network.hears(() => network.heard.find(record => record.name === '_https._tcp.local' && record.ttl === 0), 'a goodbye');

    await server.stop();
    await leaves;
});
