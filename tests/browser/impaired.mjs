// A box behind a bad line: it runs in a network namespace of its own, and everything to it goes through `impair`.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Server, openChromium, within } from './harness.mjs';
import { id, joinWithPage, pageReceives } from './page.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const IMPAIR = process.env.IMPAIR_BIN
    ?? path.join(path.dirname(process.env.MOOTHALL_BIN ?? path.resolve(HERE, '../../target/debug/moothall')), 'impair');
const ADDRESS = '10.77.0.1';

/** Before a program: gives it a namespace in which it has the address. */
const ELSEWHERE = [ 'unshare', '--net', 'sh', '-c', `PATH=$PATH:/usr/sbin:/sbin
    ip link set lo up && ip link add box0 type veth peer name box1 && ip addr add ${ADDRESS}/24 dev box0 &&
    ip link set box0 up && ip link set box1 up && exec "$@"`, 'sh' ];

/** How often a page is asked for its numbers, and how often the box is. */
const TICK_MS = 100;
const LOOK_MS = 300;

/** A box, two people who came to it through a bad line, and what they saw and heard. */
export class BadLine {
    static async start({ room, seed = 1, config }) {
        const line = new BadLine();

        // The browsers' side has the address as well, on its loopback.
        execFileSync('ip', [ 'addr', 'replace', `${ADDRESS}/32`, 'dev', 'lo' ], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
        line.server = await Server.start({ config, before: ELSEWHERE });
        line.child = spawn(IMPAIR, [ `/proc/${line.server.child.pid}/ns/net`, ADDRESS, '10000', '8443', String(seed) ], {
            stdio: [ 'pipe', 'pipe', 'inherit' ]
        });
        line.answers = createInterface({ input: line.child.stdout });
        await within(10_000, 'the line is there', once(line.answers, 'line'));
        line.browser = await openChromium();
        line.pages = [];
        for (const name of [ 'Ada', 'Grace' ]) {
            line.pages.push(await joinWithPage(line.browser, { room, name, origin: `https://${ADDRESS}:8443` }));
        }
        line.ids = await Promise.all(line.pages.map(id));
        await pageReceives(line.pages[0], [ line.ids[1] ]);
        await pageReceives(line.pages[1], [ line.ids[0] ]);
        await Promise.all(line.pages.map((page, index) => page.evaluate(watch, [ line.ids[1 - index], TICK_MS ])));
        line.layers = [];
        line.timer = setInterval(() => line.look(), LOOK_MS);

        return line;
    }

    /** Keeps which encoding of the other the box sends to each: a browser on a busy machine makes its pictures smaller by itself. */
    async look() {
        try {
            const { conferences } = await this.ask('/debug');
            const [ { endpoints } ] = Object.values(conferences);

            this.layers.push({ at: Date.now(), sent: this.ids.map((me, i) => endpoints[me].receives[`${this.ids[1 - i]}-v0`]?.encoding ?? -1) });
        } catch {
            // The box is on its way out, or busy: there is a next time.
        }
    }

    /** What the box says of itself. */
    async ask(where) {
        const { stdout } = await promisify(execFile)('nsenter', [
            `--net=/proc/${this.server.child.pid}/ns/net`, 'curl', '-s', '--max-time', '2', `http://127.0.0.1:8080${where}`
        ]);

        return JSON.parse(stdout);
    }

    /** From now on datagrams fare like that, `{ down: { loss, delay_ms, jitter_ms, kbps }, up }`; resolves to what passed so far. */
    async set(ways) {
        const answer = once(this.answers, 'line');

        this.child.stdin.write(`${JSON.stringify(ways)}\n`);
        const [ line ] = await within(5_000, 'the line obeys', answer);

        return JSON.parse(line);
    }

    /** What each has seen and heard of the other since then: `samples` of `{ at, height, frames, audio }`, `layers` of `{ at, layer }`. */
    seen(since) {
        return Promise.all(this.pages.map(async (page, index) => ({
            samples: await page.evaluate(from => window.samples.filter(({ at }) => at >= from), since),
            layers: this.layers.filter(({ at }) => at >= since).map(({ at, sent }) => ({ at, layer: sent[index] }))
        })));
    }

    async stop() {
        clearInterval(this.timer);
        await this.browser?.close();
        this.child?.stdin.end();
        await this.server?.stop();
    }
}

/** In the page: keeps what is seen and heard of the other. Times are of the wall clock, which all pages share. */
export function watch([ other, tick ]) {
    window.samples = [];
    setInterval(async () => {
        const all = await window.moothall.stats();
        const { frameHeight: height = 0, framesDecoded: frames = 0, audioPacketsReceived: audio = 0 } = all[other] ?? {};

        window.samples.push({ at: Date.now(), height, frames, audio });
    }, tick);
}

/** The longest time in which a count did not grow, in milliseconds. */
export function longestGap(samples, what) {
    let [ longest, last ] = [ 0, samples[0] ];

    for (const sample of samples) {
        if (sample[what] === last[what]) {
            longest = Math.max(longest, sample.at - last.at);
        } else {
            last = sample;
        }
    }

    return longest;
}

/** Milliseconds from `since` until the layer fits for the first time; Infinity if it never does. */
export function reaches(layers, since, fits) {
    return (layers.find(({ layer }) => fits(layer))?.at ?? Infinity) - since;
}
