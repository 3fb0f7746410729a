// How long from the call to join until the first remote frame is decoded, in Chromium: our page and the client library of 2022.
//
// `bench-join.mjs [ROUNDS]`. Two people are in the room and send; then a newcomer in a fresh browser context loads its page,
// which is not counted, and joins, which is. TIMELINE=1 shows what a join consists of. Run it in a network namespace
// (../netns), like everything that starts a server.
import os from 'node:os';
import { LibraryPage, Server, joinWithLibrary, libraryReceives, me, openChromium, tab } from './harness.mjs';

const ROUNDS = Number(process.argv[2] ?? 10);

/** Runs in the page before anything else: notes what happens on the way to the first frame. */
function watch() {
    const notes = [];
    const note = (what, detail = '') => notes.push({ at: performance.now(), what, detail });

    window.joining = { notes, first: null };
    addEventListener('click', event => event.target.closest?.('[data-test=join]') && note('click'), true);

    const brief = text => typeof text === 'string' ? text.replace(/(^<\S+ ).*?(id=\S+|type=\S+).*?(<[^/]\S+).*/s, '$1$2 $3').slice(0, 90) : '';

    window.WebSocket = class extends window.WebSocket {
        constructor(url, protocols) {
            super(url, protocols);
            note('dial', new URL(url).pathname);
            this.addEventListener('open', () => note('open', new URL(url).pathname));
            this.addEventListener('message', event => note('in', `${brief(event.data)} ${event.data.length}`));
        }

        send(data) {
            note('out', brief(data));
            super.send(data);
        }
    };

    // Frames come out of the track as soon as they are decoded, shown or not.
    async function firstFrame(track) {
        const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
        const { value } = await reader.read();

        note('frame', `${value?.codedWidth}x${value?.codedHeight}`);
        window.joining.first ??= performance.now();
        value?.close();
        reader.cancel();
    }

    window.RTCPeerConnection = class extends window.RTCPeerConnection {
        constructor(...args) {
            super(...args);
            this.addEventListener('iceconnectionstatechange', () => note('ice', this.iceConnectionState));
            this.addEventListener('connectionstatechange', () => note('peer connection', this.connectionState));
            this.addEventListener('track', event => {
                if (event.track.kind === 'video') {
                    note('track');
                    firstFrame(event.track);
                }
            });
        }

        async setRemoteDescription(...args) {
            note('remote description');
            await super.setRemoteDescription(...args);
            note('remote description set');
        }

        async setLocalDescription(...args) {
            await super.setLocalDescription(...args);
            note('local description set');
        }
    };
}

/** Waits for the first frame and answers the notes with times since `begin` of them. */
async function arrival(page, begin) {
    await page.waitForFunction(() => window.joining.first !== null, undefined, { timeout: 30_000, polling: 100 });
    const { notes, first } = await page.evaluate(() => window.joining);
    const start = notes.find(begin)?.at;

    if (start === undefined) {
        throw new Error(`nobody joined:\n${JSON.stringify(notes)}`);
    }
    if (process.env.TIMELINE) {
        for (const { at, what, detail } of notes) {
            console.log(`${(at - start).toFixed(0).padStart(8)} ms  ${what} ${detail}`);
        }
        console.log();
    }

    return first - start;
}

async function repeat(join) {
    const times = [];

    for (let round = 0; round < ROUNDS; round++) {
        times.push(await join(`newcomer ${round}`));
    }
    times.sort((a, b) => a - b);

    // The median of an even number is the mean of the middle two.
    return { p50: (times[(ROUNDS - 1) >> 1] + times[ROUNDS >> 1]) / 2, max: times.at(-1) };
}

/** Two people who send in 360p: what is measured is the newcomer's join, not three encoders on the same processors. */
async function residents(browser, library, room) {
    const pages = [];

    for (const name of [ 'Ada', 'Grace' ]) {
        pages.push(await joinWithLibrary(browser, library, { room, name }));
    }
    await libraryReceives(pages[1], [ await me(pages[0]) ]);

    return () => Promise.all(pages.map(page => page.context().close()));
}

async function ourPage(browser, library) {
    const room = 'bench-page';
    const leave = await residents(browser, library, room);
    const outcome = await repeat(async name => {
        const page = await tab(browser);

        await page.addInitScript(watch);
        await page.goto(`https://127.0.0.1:8443/${room}`);
        await page.locator('[data-test=display-name]').fill(name);
        await page.locator('[data-test=join]').click();
        const took = await arrival(page, note => note.what === 'click');

        await page.context().close();

        return took;
    });

    await leave();

    return outcome;
}

async function theLibrary(browser, library) {
    const room = 'bench-library';
    const leave = await residents(browser, library, room);
    const outcome = await repeat(async name => {
        const page = await tab(browser);

        await page.addInitScript(watch);
        await page.goto(library.url({ room, name }));
        // It connects first and then joins; an application calls both when somebody joins, so both count.
        const took = await arrival(page, note => note.what === 'dial');

        await page.context().close();

        return took;
    });

    await leave();

    return outcome;
}

const server = await Server.start();
const browser = await openChromium();
const library = await LibraryPage.start();

try {
    console.log(`join to first decoded remote frame, ${ROUNDS} times each, two others in the room`);
    for (const [ what, measure ] of [ [ 'our page', ourPage ], [ 'lib-jitsi-meet of 2022', theLibrary ] ]) {
        const { p50, max } = await measure(browser, library);

        console.log(`${what.padEnd(28)} p50 ${p50.toFixed(0)} ms, max ${max.toFixed(0)} ms`);
    }
    console.log(`load of the machine          ${os.loadavg()[0].toFixed(1)} on ${os.cpus().length} processors`);
} finally {
    library.stop();
    await browser.close();
    await server.stop();
}
