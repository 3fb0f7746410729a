// A running `moothall supervise` in a folder of its own, without the system's bus.
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from './harness.mjs';

const BINARY = process.env.MOOTHALL_BIN ?? fileURLToPath(new URL('../../target/debug/moothall', import.meta.url));

export class Supervisor {
    /** Keeps what it is given beside `site`, and listens in `dir`. */
    static async start(site, dir) {
        const it = new Supervisor();

        it.socket = path.join(dir, 'supervise.sock');
        it.child = spawn(BINARY, [ 'supervise', '--config', site, '--run-dir', dir ], {
            stdio: [ 'ignore', 'pipe', 'pipe' ],
            env: { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${dir}/no-bus` }
        });
        it.exited = once(it.child, 'exit');
        it.said = [];
        it.lines = new EventEmitter();
        for (const stream of [ it.child.stdout, it.child.stderr ]) {
            createInterface({ input: stream }).on('line', line => {
                it.said.push(line);
                it.lines.emit('line', line);
            });
        }

        return it;
    }

    /** The newest code on the console; it waits for the `count`th one. */
    async code(count = 1) {
        const codes = () => this.said.map(line => /type the code {2}(\d{3}) (\d{3})/.exec(line)).filter(Boolean).map(([ , a, b ]) => a + b);
        const there = new Promise(resolve => {
            const look = () => codes().length >= count && resolve();

            this.lines.on('line', look);
            look();
        });

        await within(20_000, 'a code is on the console', there);

        return codes().at(-1);
    }

    async stop() {
        this.child.kill('SIGTERM');
        await within(5000, 'supervisor ends after SIGTERM', this.exited).finally(() => this.child.kill('SIGKILL'));
    }
}
