// The line between browser and box, made to fail: a TCP proxy that can be cut and stalled, and UDP that can be blocked.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';

/** Passes on whatever comes in; the page that is opened through it uses it for its sockets too. */
export class Line {
    static async start(target = 8443) {
        const line = new Line();

        line.pairs = new Set();
        line.closed = false;
        line.server = net.createServer(inner => line.accept(inner, target));
        line.server.listen(0, '127.0.0.1');
        await once(line.server, 'listening');

        return line;
    }

    get origin() {
        return `https://127.0.0.1:${this.server.address().port}`;
    }

    accept(inner, target) {
        if (this.closed) {
            inner.resetAndDestroy();

            return;
        }
        const outer = net.connect(target, '127.0.0.1');
        const pair = [ inner, outer ];
        const end = () => {
            this.pairs.delete(pair);
            pair.forEach(socket => socket.destroy());
        };

        this.pairs.add(pair);
        pair.forEach(socket => socket.on('error', end).on('close', end));
        inner.pipe(outer);
        outer.pipe(inner);
    }

    /** Every connection breaks; with `stay` no new one comes through either, until `mend`. */
    cut({ stay = false } = {}) {
        this.closed = stay;
        for (const pair of [ ...this.pairs ]) {
            pair.forEach(socket => socket.resetAndDestroy());
        }
    }

    /** Nothing passes any more on the connections that there are, and none of them closes. */
    stall() {
        for (const [ inner, outer ] of this.pairs) {
            inner.unpipe(outer).pause();
            outer.unpipe(inner).pause();
        }
    }

    mend() {
        this.closed = false;
    }

    stop() {
        this.server.close();
        this.cut({ stay: true });
    }
}

/** Blocks UDP to and from a port in this network namespace, as a strict firewall does. */
export class Firewall {
    constructor(port) {
        this.port = String(port);
    }

    block() {
        // The table of local addresses comes first by default; nothing would stand before it.
        for (const family of [ '-4', '-6' ]) {
            ip(family, 'rule', 'add', 'pref', '20', 'table', 'local');
            ip(family, 'rule', 'del', 'pref', '0');
            for (const side of [ 'dport', 'sport' ]) {
                ip(family, 'rule', 'add', 'pref', '10', 'ipproto', 'udp', side, this.port, 'blackhole');
            }
        }
    }

    open() {
        for (const family of [ '-4', '-6' ]) {
            for (const side of [ 'dport', 'sport' ]) {
                ip(family, 'rule', 'del', 'pref', '10', 'ipproto', 'udp', side, this.port);
            }
            ip(family, 'rule', 'add', 'pref', '0', 'table', 'local');
            ip(family, 'rule', 'del', 'pref', '20');
        }
    }
}

function ip(...args) {
    execFileSync('ip', args, { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
}
