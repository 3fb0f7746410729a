// gst-meet, a client of Jitsi meetings that nobody here wrote and that is no browser (Rust and GStreamer), meets a Chromium. Each
// shows the other a moving picture and plays it a sound, and both are looked at where they come out of the decoders.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Server, openChromium, until, within } from './browser/harness.mjs';
import { id, joinWithPage, pageReceives, pageSends } from './browser/page.mjs';
import { speakInto } from './browser/speech.mjs';

const CLIENT = process.env.GST_MEET ?? path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', 'work/gst-meet/bin/gst-meet');
const PATIENCE = 60_000;

/** What it shows, and the tone that it plays. */
const [ WIDTH, HEIGHT, PITCH ] = [ 640, 360, 440 ];

/** What it scales every picture to before it writes it down, in I420. */
const [ SEEN_WIDTH, SEEN_HEIGHT ] = [ 320, 180 ];
const FRAME_BYTES = SEEN_WIDTH * SEEN_HEIGHT * 3 / 2;

/** A tenth of a second of what it writes down of sound: one channel, 48000 samples a second of 16 bits. */
const SOUND_BYTES = 4_800 * 2;

/** How many pictures, and tenths of a second, are looked at. */
const LOOK = 20;

const ENCODERS = {
    vp8: 'vp8enc deadline=1 name=video',
    vp9: 'vp9enc deadline=1 cpu-used=8 name=video',
    h264: 'x264enc tune=zerolatency speed-preset=ultrafast ! '
        + 'capsfilter name=video caps=video/x-h264,stream-format=byte-stream,profile=constrained-baseline'
};

let folder, browser;

before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'moothall-gst-meet-'));
    browser = await openChromium(speakInto(path.join(folder, 'speech.wav')));
});
after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
});

/** The client in a room, and what it has received and decoded. */
class GstMeet {
    constructor({ room, codec, authority, files }) {
        const sink = 'filesink buffer-mode=unbuffered sync=false async=false location';

        this.files = files;
        this.log = [];
        this.child = spawn(CLIENT, [
            '--verbose', '--web-socket-url=wss://192.0.2.2:8443/xmpp-websocket', '--xmpp-domain=moothall.internal',
            `--room-name=${room}`, `--video-codec=${codec}`,
            `--recv-video-scale-width=${SEEN_WIDTH}`, `--recv-video-scale-height=${SEEN_HEIGHT}`,
            `--send-pipeline=videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=${WIDTH},height=${HEIGHT},framerate=15/1 ! ${ENCODERS[codec]}
                audiotestsrc is-live=true freq=${PITCH} ! audio/x-raw,rate=48000 ! opusenc name=audio`,
            `--recv-pipeline-participant-template=
                capsfilter name=video caps=video/x-raw,format=I420 ! ${sink}=${files}/{participant_id}.i420
                audioconvert name=audio ! audioresample ! audio/x-raw,format=S16LE,rate=48000,channels=1 ! ${sink}=${files}/{participant_id}.s16`
        ], { stdio: [ 'ignore', 'pipe', 'pipe' ], env: { ...process.env, SSL_CERT_FILE: authority } });
        this.exited = once(this.child, 'exit');
        for (const out of [ this.child.stdout, this.child.stderr ]) {
            createInterface({ input: out }).on('line', line => {
                this.log.push(line);
                if (process.env.VERBOSE) {
                    console.error(`gst-meet: ${line}`);
                }
            });
        }
    }

    /** Waits until it has decoded pictures of `other` that move. */
    sees(other) {
        return this.writes(`${other}.i420`, FRAME_BYTES, frames => frames.length === LOOK && frames.every(isRich)
            && frames.filter((frame, at) => at > 0 && !frame.equals(frames[at - 1])).length > LOOK / 2);
    }

    /** Waits until it has decoded sound of `other` that is loud. */
    hears(other) {
        return this.writes(`${other}.s16`, SOUND_BYTES, parts => parts.some(part => loudness(part) > 0.02));
    }

    /** Waits until the last parts of what it writes are as they should be. */
    async writes(name, size, fits) {
        const file = path.join(this.files, name);
        const end = Date.now() + PATIENCE;

        while (!(existsSync(file) && fits(lastParts(file, size)))) {
            assert.ok(Date.now() < end, `${name} is not as it should be within ${PATIENCE} ms`);
            await new Promise(resolve => setTimeout(resolve, 250));
        }
    }

    /** What `promise` comes to, unless the client ends before. */
    whileThere(promise) {
        return Promise.race([ promise, this.exited.then(([ code ]) => assert.fail(`gst-meet ended with ${code}`)) ]);
    }

    async stop() {
        this.child.kill('SIGINT');
        try {
            await within(15_000, 'gst-meet ends', this.exited);
        } finally {
            this.child.kill('SIGKILL');
        }
    }
}

/** The last parts of a file, whole ones. */
function lastParts(file, size) {
    const whole = Math.floor(statSync(file).size / size);
    const first = Math.max(0, whole - LOOK);
    const bytes = Buffer.alloc((whole - first) * size);
    const handle = openSync(file);

    readSync(handle, bytes, 0, bytes.length, first * size);
    closeSync(handle);

    return Array.from({ length: whole - first }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

/** Whether a picture has bright and dark places. */
function isRich(frame) {
    const light = frame.subarray(0, SEEN_WIDTH * SEEN_HEIGHT);

    return Math.max(...light) - Math.min(...light) > 50;
}

/** The root mean square of samples, of 1 at most. */
function loudness(sound) {
    let sum = 0;

    for (let at = 0; at < sound.length; at += 2) {
        sum += (sound.readInt16LE(at) / 32_768) ** 2;
    }

    return Math.sqrt(sum * 2 / sound.length);
}

/** In the page: whether the ball of that picture, bright on black, has been seen in five places. */
function ballMoves([ who, width, height ]) {
    const video = document.querySelector(`[data-id="${who}"] video`);

    if (video?.videoWidth !== width || video.videoHeight !== height) {
        return false;
    }
    const pen = new OffscreenCanvas(width, height).getContext('2d');
    let [ size, x, y ] = [ 0, 0, 0 ];

    pen.drawImage(video, 0, 0);
    pen.getImageData(0, 0, width, height).data.forEach((value, at) => {
        if (at % 4 === 1 && value > 128) {
            size++;
            x += Math.floor(at / 4) % width;
            y += Math.floor(at / 4 / width);
        }
    });
    window.places ??= new Set();
    if (size > 100 && size < width * height / 10) {
        window.places.add(`${Math.round(x / size)},${Math.round(y / size)}`);
    }

    return window.places.size >= 5;
}

/** In the page: whether the loudest of what is played is that pitch. */
function toneSounds(pitch) {
    const { srcObject } = document.querySelector('audio') ?? {};

    if (!srcObject) {
        return false;
    }
    if (!window.hearing) {
        const context = new AudioContext();

        window.hearing = new AnalyserNode(context, { fftSize: 8192 });
        context.createMediaStreamSource(srcObject).connect(window.hearing);
    }
    const levels = new Float32Array(window.hearing.frequencyBinCount);

    window.hearing.getFloatFrequencyData(levels);
    const loudest = levels.indexOf(Math.max(...levels));
    const heard = loudest * window.hearing.context.sampleRate / window.hearing.fftSize;

    return levels[loudest] > -60 && Math.abs(heard - pitch) < 10;
}

/** What happens while both are there. */
async function talk(page, client, codec) {
    const named = () => window.moothall.state().participants.find(({ name }) => name === 'gst-meet')?.id;
    const guest = await (await page.waitForFunction(named, undefined, { timeout: PATIENCE })).jsonValue();
    const me = await id(page);

    await pageSends(page, codec.toUpperCase(), PATIENCE);
    await pageReceives(page, [ guest ], PATIENCE);
    await until(page, ballMoves, [ guest, WIDTH, HEIGHT ], PATIENCE);
    await until(page, toneSounds, PITCH, PATIENCE);
    await client.sees(me);
    await client.hears(me);
}

async function meets(t, codec) {
    const files = mkdtempSync(path.join(folder, `${codec}-`));
    const config = path.join(files, 'site.toml');
    const authority = path.join(files, 'authority.pem');
    let page, client;

    writeFileSync(config, `[signal]\ncodecs = [ "${codec}" ]\n`);
    const server = await Server.start({ config });

    try {
        writeFileSync(authority, (await server.get('/trust/moothall.pem')).body);
        page = await joinWithPage(browser, { room: 'gst', name: 'Ada' });
        client = new GstMeet({ room: 'gst', codec, authority, files });
        await client.whileThere(talk(page, client, codec));
        await client.stop();
        await page.waitForFunction(() => window.moothall.state().participants.length === 0, undefined, { timeout: PATIENCE });
    } catch (error) {
        client?.log.slice(-40).forEach(line => t.diagnostic(line));
        throw error;
    } finally {
        client?.child.kill('SIGKILL');
        await page?.context().close();
        await server.stop();
    }
}

test('checklist 57: gst-meet and a browser see and hear each other with VP8', t => meets(t, 'vp8'));
test('checklist 57: gst-meet and a browser see and hear each other with VP9', t => meets(t, 'vp9'));
test('checklist 57: gst-meet and a browser see and hear each other with H.264', t => meets(t, 'h264'));
