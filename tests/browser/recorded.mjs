// People who flash and beep once a second, each at a pitch of its own, and what a recording has of them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tab, until, within } from './harness.mjs';

export const RECORDER = path.join(path.dirname(process.env.MOOTHALL_BIN), 'moothall-recorder');
/** Pictures are looked at, and sound is heard, at so many points of a second. */
export const GRID = 100;
const RATE = 8000;
const WHITE = 140;

/** In the page, before anything else: camera and microphone. White and loud for a fifth of each second. */
function flashing(hertz) {
    navigator.mediaDevices.getUserMedia = async wanted => {
        const context = window.clockOfBeeps ??= new AudioContext();
        const tracks = [];

        await context.resume();
        if (wanted.audio) {
            const [ tone, volume, out ] = [ context.createOscillator(), context.createGain(), context.createMediaStreamDestination() ];

            tone.frequency.value = hertz;
            volume.gain.value = 0;
            for (let second = Math.ceil(context.currentTime); second < context.currentTime + 300; second++) {
                volume.gain.setValueAtTime(0.5, second);
                volume.gain.setValueAtTime(0, second + 0.2);
            }
            tone.connect(volume).connect(out);
            tone.start();
            tracks.push(...out.stream.getAudioTracks());
        }
        if (wanted.video) {
            const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
            const pen = canvas.getContext('2d');
            let step = 0;

            setInterval(() => {
                pen.fillStyle = context.currentTime % 1 < 0.2 ? '#fff' : '#222';
                pen.fillRect(0, 0, 320, 180);
                // No two pictures are alike.
                pen.fillStyle = '#888';
                pen.fillRect(step++ % 300, 4, 20, 12);
            }, 33);
            tracks.push(...canvas.captureStream(30).getVideoTracks());
        }

        return new MediaStream(tracks);
    };
}

/** A client of the library that flashes and beeps. */
export async function joinFlashing(browser, library, { room, name, hertz }) {
    const page = await tab(browser);

    await page.addInitScript(flashing, hertz);
    await page.goto(library.url({ room, name, height: 180, options: JSON.stringify({ disableAP: true, disableAEC: true, disableNS: true, disableAGC: true }) }));
    await page.waitForFunction(() => [ 'joined', 'failed' ].includes(window.meeting?.phase), undefined, { timeout: 30_000 });

    return page;
}

/** Waits until a page of the library was told that the recording is `pending`, `on` or `off`. */
export function told(page, status) {
    return until(page, wanted => window.meeting.events.some(event => event.what === 'recording'
        && event.detail.status === wanted), status, 30_000);
}

/** What the recorder says of something, as JSON. */
export function recorder(...args) {
    return JSON.parse(execFileSync(RECORDER, [ ...args, '--json' ], { encoding: 'utf8' }));
}

export function manifest(recording) {
    return JSON.parse(readFileSync(path.join(recording, 'manifest.json')));
}

/** The finished recording of a room; `server` says a line when something happens. */
export async function finished(server, kept, room) {
    const found = () => recorder('list', kept).find(one => one.room === room && one.state === 'finished');

    await within(30_000, `${room} is recorded`, (async () => {
        while (!found()) {
            await new Promise(resolve => server.lines.once('line', resolve));
        }
    })());

    return path.join(kept, found().recording);
}

/** Runs a pipeline that ends in `RAW`, and gives what it wrote there. */
function decoded(file, elements) {
    const folder = mkdtempSync(path.join(tmpdir(), 'moothall-decoded-'));

    try {
        const raw = path.join(folder, 'raw');
        const pipeline = `filesrc location=${file} ! decodebin ! ${elements} ! filesink location=${raw}`;

        execFileSync('gst-launch-1.0', [ '-q', ...pipeline.split(' ') ], { stdio: 'inherit', timeout: 60_000 });

        return readFileSync(raw);
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
}

/** Brightness of a video file in 4 by 4 points, picture by picture; `paced` says when there is one. */
function small(file, paced = '') {
    return decoded(file, `videoconvert ! videoscale ! video/x-raw,format=GRAY8,width=4,height=4${paced}`);
}

/** Mean brightness of a video file, from its time 0. */
export function brightness(file) {
    const raw = small(file, ` ! videorate ! video/x-raw,framerate=${GRID}/1`);

    // The last row: what moves is in the first.
    return Array.from({ length: raw.length / 16 }, (_, n) => raw[16 * n + 13]);
}

/** How many pictures of a video file can be decoded. */
export function pictures(file) {
    return small(file).length / 16;
}

/** Samples of a sound file, from its time 0. */
export function sound(file) {
    const raw = decoded(file, `audioconvert ! audioresample ! audio/x-raw,format=S16LE,rate=${RATE},channels=1`);

    return new Int16Array(raw.buffer, raw.byteOffset, raw.length >> 1);
}

/** How loud a pitch is in each point of the grid (Goertzel). */
export function loudness(samples, hertz) {
    const length = RATE / GRID;
    const turn = 2 * Math.cos(2 * Math.PI * hertz / RATE);

    return Array.from({ length: Math.floor(samples.length / length) }, (_, n) => {
        let [ one, two ] = [ 0, 0 ];

        for (let i = n * length; i < (n + 1) * length; i++) {
            [ one, two ] = [ samples[i] + turn * one - two, one ];
        }

        return Math.sqrt(Math.max(0, one * one + two * two - turn * one * two)) / length;
    });
}

/** When values rise above a threshold, in milliseconds of the recording. */
export function rises(values, threshold, offsetMs) {
    return values.flatMap((value, n) => n > 0 && value >= threshold && values[n - 1] < threshold ? [ offsetMs + n * 1000 / GRID ] : []);
}

export function flashes(recording, file) {
    return rises(brightness(path.join(recording, file.file)), WHITE, file.offsetMs);
}

export function beeps(recording, file, hertz) {
    return rises(loudness(sound(path.join(recording, file.file)), hertz), 1500, file.offsetMs);
}

/** Frames of a track of a Matroska file, for instance `video_0`. */
export function frames(file, track) {
    const pipeline = `filesrc location=${file} ! matroskademux name=all all.${track} ! identity silent=false ! fakesink`;
    const said = execFileSync('gst-launch-1.0', [ '-v', ...pipeline.split(' ') ], { encoding: 'utf8', timeout: 60_000 });

    return (said.match(/last-message = chain/g) ?? []).length;
}
