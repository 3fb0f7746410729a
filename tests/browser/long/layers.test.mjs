// What a receiver wants changes three times a second, between the encodings of a camera or the spatial layers of one stream, and its decoder
// does not notice: nothing that it gets asks for what it does not get.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Server, openChromium, until } from '../harness.mjs';
import { id, joinWithPage, pageReceives } from '../page.mjs';

/** Of a camera of 960 by 540: browsers make three spatial layers of nothing smaller. */
const HEIGHTS = [ 136, 270, 540 ];
const SWITCHES = 100;
const PACE_MS = 300;

const folder = mkdtempSync(path.join(tmpdir(), 'moothall-layers-'));
let browser;

before(async () => {
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
});

/** The same browser, whose pages run a script before their own. */
function prepared(script, argument) {
    return {
        newContext: async options => {
            const context = await browser.newContext(options);

            await context.addInitScript(script, argument);

            return context;
        }
    };
}

/** A camera that sends everything at all times: three layers in one stream, or three encodings without a mode. */
function sending(mode) {
    const { getUserMedia } = MediaDevices.prototype;
    const { setParameters } = RTCRtpSender.prototype;

    MediaDevices.prototype.getUserMedia = function(wish) {
        const video = wish.video && { width: 960, height: 540, frameRate: 12 };

        return getUserMedia.call(this, { ...wish, video });
    };
    RTCRtpSender.prototype.setParameters = function(parameters) {
        const { encodings } = parameters;

        if (this.track?.kind === 'video' && encodings.length > 1) {
            encodings.forEach((encoding, index) => {
                encoding.active = !mode || index === 0;
                if (mode && index === 0) {
                    Object.assign(encoding, { scalabilityMode: mode, scaleResolutionDownBy: 1, maxBitrate: 1_500_000 });
                }
            });
        }

        return setParameters.call(this, parameters);
    };
    const Native = window.RTCPeerConnection;

    window.RTCPeerConnection = class extends Native {
        constructor(...args) {
            super(...args);
            window.connection = this;
        }
    };
    window.sent = async () => [ ...(await window.connection.getStats()).values() ]
        .filter(({ type, kind, framesEncoded }) => type === 'outbound-rtp' && kind === 'video' && framesEncoded > 0)
        .map(({ scalabilityMode, frameHeight }) => `${scalabilityMode} ${frameHeight}`);
}

/** Somebody whose wish is that of the test. */
function receiving() {
    const Native = window.RTCPeerConnection;
    const { send } = WebSocket.prototype;
    let channel, wish, maxHeight;

    const tell = () => {
        const constraints = Object.fromEntries(Object.keys(wish.constraints).map(name => [ name, { maxHeight } ]));

        send.call(channel, JSON.stringify({ ...wish, constraints }));
    };

    WebSocket.prototype.send = function(text) {
        if (typeof text !== 'string' || !text.includes('ReceiverVideoConstraints')) {
            return send.call(this, text);
        }
        [ channel, wish ] = [ this, JSON.parse(text) ];
        maxHeight ??= 540;
        tell();
    };
    window.RTCPeerConnection = class extends Native {
        constructor(...args) {
            super(...args);
            window.connection = this;
        }
    };
    window.want = height => {
        maxHeight = height;
        tell();
    };
    window.seen = async () => {
        const all = [ ...(await window.connection.getStats()).values() ];
        const { timestamp, framesDecoded, framesDropped, frameHeight, keyFramesDecoded, pliCount, freezeCount, totalFreezesDuration }
            = all.find(({ type, kind, framesDecoded: frames }) => type === 'inbound-rtp' && kind === 'video' && frames > 0) ?? {};

        return { timestamp, framesDecoded, framesDropped, frameHeight, keyFramesDecoded, pliCount, freezeCount, totalFreezesDuration };
    };
    /** Changes the wish again and again; what was seen meanwhile. */
    window.wander = async ([ heights, pace ]) => {
        const samples = [ await window.seen() ];

        for (const height of heights) {
            window.want(height);
            const end = performance.now() + pace;

            while (performance.now() < end) {
                await new Promise(resolve => setTimeout(resolve, 50));
                samples.push(await window.seen());
            }
        }

        return samples;
    };
}

/** The longest time in which no frame was decoded, for certain: between samples that say the same. */
function longestStill(samples) {
    let longest = 0;
    let since = samples[0];

    for (const sample of samples) {
        if (sample.framesDecoded !== since.framesDecoded) {
            since = sample;
        }
        longest = Math.max(longest, sample.timestamp - since.timestamp);
    }

    return Math.round(longest);
}

async function reaches(page, height) {
    await page.evaluate(wanted => window.want(wanted), height);
    await until(page, async wanted => Math.abs((await window.seen()).frameHeight - wanted) < 2, height, 20_000);
}

/** Encoders make odd heights even, or not. */
function nominal(height) {
    return HEIGHTS.find(known => Math.abs(known - height) < 2) ?? height;
}

/** The same every time. */
function* random(seed) {
    for (let state = seed; ; state = (state * 1103515245 + 12345) % 0x80000000) {
        yield (state >> 16) % HEIGHTS.length;
    }
}

async function switches(t, codec, mode) {
    const config = path.join(folder, `${codec}.toml`);

    writeFileSync(config, `[signal]\ncodecs = ["${codec}"]\n`);
    const server = await Server.start({ config });

    try {
        const ada = await joinWithPage(prepared(sending, mode), { room: codec, name: 'Ada' });
        const grace = await joinWithPage(prepared(receiving), { room: codec, name: 'Grace', camera: false });

        await pageReceives(grace, [ await id(ada) ], 60_000);
        await reaches(grace, 540);
        const sent = await ada.evaluate(() => window.sent());

        t.diagnostic(`sends ${sent}`);
        if (mode) {
            assert.deepEqual(sent, [ `${mode} 540` ], 'all layers in one stream');
        } else {
            assert.equal(sent.length, 3, 'three streams');
        }
        const places = random(7);
        const heights = Array.from({ length: SWITCHES }, () => HEIGHTS[places.next().value]);
        const samples = await grace.evaluate(wanted => window.wander(wanted), [ heights, PACE_MS ]);
        const [ first, last ] = [ samples[0], samples.at(-1) ];
        const still = longestStill(samples);
        const shown = new Set(samples.map(({ frameHeight }) => nominal(frameHeight)));
        const since = what => last[what] - first[what];

        t.diagnostic(`${samples.length} samples; still for ${still} ms at most; ${since('framesDecoded')} frames, ${since('keyFramesDecoded')} key frames, `
            + `${since('framesDropped')} dropped, ${since('pliCount')} PLI, ${since('freezeCount')} freezes of ${since('totalFreezesDuration').toFixed(1)} s; `
            + `heights ${[ ...shown ]}`);
        assert.ok(still <= 1_000, `the picture stood still for ${still} ms`);
        assert.equal(since('pliCount'), 0, 'its decoder never asks for help');
        assert.deepEqual([ ...shown ].sort((a, b) => a - b), HEIGHTS);
        for (const height of [ 136, 540, 270 ]) {
            await reaches(grace, height);
        }
        await Promise.all([ ada, grace ].map(page => page.context().close()));
    } finally {
        await server.stop();
    }
}

test('checklist 82: VP8, a hundred changes between three encodings', t => switches(t, 'vp8'));
test('checklist 86: VP9, a hundred changes between three spatial layers', t => switches(t, 'vp9', 'L3T3_KEY'));
test('checklist 87: AV1, a hundred changes between three spatial layers', t => switches(t, 'av1', 'L3T3_KEY'));
