// Recordings are listed, played, downloaded and deleted: by moderators from the meeting, by the administrator with a token.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { assertAccessible } from './axe.mjs';
import { Server, openChromium, openFirefox, tab, until } from './harness.mjs';
import { id, joinWithPage, openRecordings, pageReceives, setTheme, shot, watches } from './page.mjs';

const TOKEN = '0123456789abcdef0123456789abcdef';
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };

let server, browser, folder, kept;

before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'moothall-recordings-'));
    kept = path.join(folder, 'kept');
    const config = path.join(folder, 'site.toml');

    writeFileSync(path.join(folder, 'token'), `${TOKEN}\n`);
    chmodSync(path.join(folder, 'token'), 0o600);
    writeFileSync(config, '[recorder]\ndirectory = "kept"\n[api]\ntoken_file = "token"\n');
    server = await Server.start({ config });
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
});

/** Asks the box; JSON is read, everything else comes as bytes. */
function ask(where, { method = 'GET', token = TOKEN, headers = {}, body } = {}) {
    return new Promise((resolve, reject) => {
        const all = { ...token ? { authorization: `Bearer ${token}` } : {}, ...body ? { 'content-type': 'application/json' } : {}, ...headers };
        const request = https.request({ host: '127.0.0.1', port: 8443, path: where, method, headers: all, rejectUnauthorized: false, agent: false }, response => {
            const parts = [];

            response.on('data', part => parts.push(part));
            response.on('end', () => {
                const bytes = Buffer.concat(parts);
                const isJson = /json/.test(response.headers['content-type'] ?? '') && bytes.length > 0;

                resolve({ status: response.statusCode, headers: response.headers, bytes, json: isJson ? JSON.parse(bytes) : null });
            });
        });

        request.on('error', reject);
        request.end(body);
    });
}

const list = async query => (await ask(`/api/v1/recordings${query ?? ''}`)).json.recordings;

/** Waits until the API says so of a recording. */
async function becomes(name, holds) {
    const end = Date.now() + 30_000;

    for (;;) {
        const { json } = await ask(`/api/v1/recordings/${name}`);

        if (holds(json)) {
            return json;
        }
        assert.ok(Date.now() < end, JSON.stringify(json));
        await new Promise(resolve => setTimeout(resolve, 250));
    }
}

/** Two who see and hear each other. */
async function meeting(room) {
    const ada = await joinWithPage(browser, { room, name: 'Ada' });
    const bob = await joinWithPage(browser, { room, name: 'Bob' });

    await pageReceives(ada, [ await id(bob) ]);

    return { ada, bob, close: () => Promise.all([ ada, bob ].map(page => page.context().close())) };
}

/** Records a meeting until so many pictures were seen; what it is called. */
async function record(room, pictures) {
    const { ada, bob, close } = await meeting(room);
    const { json } = await ask('/api/v1/recordings', { method: 'POST', body: JSON.stringify({ room }) });

    await ada.locator('[data-test=recorded]').waitFor();
    await watches(ada, await id(bob), pictures);
    assert.equal((await ask(`/api/v1/recordings/${json.name}/stop`, { method: 'POST' })).status, 202);
    await becomes(json.name, ({ state }) => state === 'finished');
    await close();

    return json.name;
}

/** Takes the picture of a page, and fails with what axe holds to be serious on it. */
async function examine(page, name) {
    await shot(page, name);
    await assertAccessible(page, name);
}

const player = page => page.evaluate(() => window.moothall.player());

test('a moderator lists, plays, downloads and deletes what was recorded in the room; others get nothing', async () => {
    const { ada, bob, close } = await meeting('hall');

    await openRecordings(ada);
    await ada.locator('[data-test=recordings-none]').waitFor();
    await ada.keyboard.press('Escape');
    await ada.locator('[data-test=more]').click();
    await ada.locator('[data-test=more-record]').click();
    await ada.locator('[data-test=record-go]').click();
    await ada.locator('[data-test=recorded]').waitFor();
    await openRecordings(ada);
    await ada.locator('[data-test=recording-stop]').waitFor();
    await watches(ada, await id(bob), 60);
    await shot(ada, 'recordings-running');
    await ada.locator('[data-test=recording-stop]').click();
    await ada.locator('[data-test=recording-delete]').waitFor({ timeout: 30_000 });
    const [ name ] = readdirSync(kept);

    assert.equal(await ada.locator('[data-test=recording]').getAttribute('data-name'), name);
    await setTheme(ada, 'light');
    await examine(ada, 'recordings-panel-light');
    await setTheme(ada, 'dark');
    await examine(ada, 'recordings-panel');

    await ada.setViewportSize(PHONE.viewport);
    await shot(ada, 'recordings-panel-phone');
    await ada.setViewportSize({ width: 1280, height: 720 });

    await bob.locator('[data-test=more]').click();
    await bob.locator('[data-test=more-settings], [data-test=more-globe]').first().waitFor();
    assert.equal(await bob.locator('[data-test=more-recordings]').count(), 0, 'others are not offered it');
    await bob.keyboard.press('Escape');

    await ada.locator('[data-test=recording-download]').click();
    await ada.locator('[data-test=recording-file]').first().waitFor();
    await examine(ada, 'recordings-files');
    const sound = ada.locator('[data-test=recording-file]', { hasText: 'Sound of Bob' });
    const [ download ] = await Promise.all([ ada.waitForEvent('download'), sound.click() ]);
    const saved = path.join(folder, 'saved');

    await download.saveAs(saved);
    const file = download.suggestedFilename().slice(name.length + 1);

    assert.deepEqual(readFileSync(saved), readFileSync(path.join(kept, name, file)));

    const [ watched ] = await Promise.all([ ada.context().waitForEvent('page'), ada.locator('[data-test=recording-play]').click() ]);

    await watched.locator('[data-test=watch-play]').click();
    await until(watched, () => window.moothall.player().position > 1500, undefined, 30_000);
    await watched.close();

    await ada.locator('[data-test=recording-delete]').click();
    await shot(ada, 'recordings-delete');
    await ada.locator('[data-test=yes]').click();
    await ada.locator('[data-test=recordings-none]').waitFor();
    assert.deepEqual(readdirSync(kept), []);
    await close();
});

test('a moderator learns nothing of another room', async () => {
    const name = await record('private', 20);
    const { ada, close } = await meeting('elsewhere');
    await openRecordings(ada);
    await ada.locator('[data-test=recordings-none]').waitFor();
    await close();
    assert.ok(existsSync(path.join(kept, name)));
    assert.equal((await ask(`/api/v1/recordings/${name}`, { method: 'DELETE' })).status, 204);
});

test('the player plays everybody in step, seeks, and shows pictures and sound', async () => {
    const name = await record('played', 90);
    const { json: recording } = await ask(`/api/v1/recordings/${name}`);
    const address = `https://127.0.0.1:8443/recordings/watch#name=${name}&ticket=${recording.ticket}`;
    const page = await tab(browser);

    await page.goto(address);
    await page.locator('[data-test=watch-play]').click();
    await until(page, () => window.moothall.player().position > 1200 && !window.moothall.player().waiting, undefined, 30_000);
    await inStep(page, 4);
    // Nobody else decodes here: what the elements say is what was decoded.
    const seen = await page.evaluate(() => [ ...document.querySelectorAll('video') ].map(video => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 32, height: 18 });
        const context = canvas.getContext('2d');

        context.drawImage(video, 0, 0, 32, 18);
        const { data } = context.getImageData(0, 0, 32, 18);

        return { frames: video.getVideoPlaybackQuality().totalVideoFrames, lit: data.filter((value, at) => at % 4 !== 3 && value > 40).length };
    }));

    assert.equal(seen.length, 2);
    seen.forEach(({ frames, lit }) => assert.ok(frames > 5 && lit > 200, JSON.stringify(seen)));
    assert.ok(await loudness(page) > 0.001, 'the tones of the made-up microphones');

    await page.locator('[data-test=watch-play]').click();
    await page.locator('[data-test=watch-tile]').nth(1).click();
    assert.equal((await player(page)).chosen, await page.locator('[data-test=watch-tile]').nth(1).getAttribute('data-source'));
    await page.locator('[data-test=watch-seek]').fill('2000');
    await until(page, () => !window.moothall.player().waiting && window.moothall.player().tracks.every(({ at, shown }) => !shown || at > 1), undefined, 20_000);
    const { position, playing, tracks } = await player(page);

    assert.deepEqual([ position, playing ], [ 2000, false ]);
    tracks.forEach(({ off, source }) => assert.ok(Math.abs(off) < 80, `${source}: ${off} ms`));
    await setTheme(page, 'dark');
    await examine(page, 'watch');
    await setTheme(page, 'light');
    await examine(page, 'watch-light');
    const phone = await tab(browser, PHONE);

    await phone.goto(address);
    await phone.locator('[data-test=watch-play]').click();
    await until(phone, () => window.moothall.player().position > 500, undefined, 20_000);
    await shot(phone, 'watch-phone');
    await Promise.all([ page, phone ].map(one => one.context().close()));

    const gone = await tab(browser);

    await gone.goto(address.replace(/ticket=\w+/, 'ticket=1'));
    await gone.locator('[data-test=gone]').waitFor();
    await shot(gone, 'watch-gone');
    await gone.context().close();

    const video = recording.files.find(({ track }) => track?.kind === 'video').file;
    const composed = `composed${path.extname(video)}`;

    copyFileSync(path.join(kept, name, video), path.join(kept, name, composed));
    const one = await tab(browser);

    await one.goto(address);
    await one.locator('[data-test=watch-play]').click();
    await until(one, () => window.moothall.player().position > 500, undefined, 20_000);
    assert.deepEqual((await player(one)).tracks.map(({ source, shown }) => [ source, shown ]), [ [ composed, true ] ], 'one file is enough');
    await one.context().close();
    rmSync(path.join(kept, name, composed));

    const firefox = await openFirefox();

    try {
        const other = await (await firefox.newContext()).newPage();

        await other.goto(address);
        await until(other, () => Boolean(window.moothall?.player()), undefined, 20_000);
        // Without sound: Firefox gives up what it finds no loudspeaker for.
        await other.evaluate(() => document.querySelector('[data-test=watch-sound]').click());
        await other.evaluate(() => document.querySelector('[data-test=watch-play]').click());
        await until(other, () => window.moothall.player().position > 1200, undefined, 30_000);
        await inStep(other, 4);
        await other.evaluate(() => {
            const seek = document.querySelector('[data-test=watch-seek]');

            seek.value = 400;
            seek.dispatchEvent(new Event('input'));
        });
        await until(other, () => window.moothall.player().position > 1200 && !window.moothall.player().waiting, undefined, 30_000);
        assert.deepEqual((await player(other)).tracks.flatMap(({ failed }) => failed), []);
    } finally {
        await firefox.close();
    }
    assert.equal((await ask(`/api/v1/recordings/${name}`, { method: 'DELETE' })).status, 204);
});

/** All that is shown is within 80 ms of where it should be, at so many looks. */
async function inStep(page, looks) {
    let good = 0;

    await until(page, () => !window.moothall.player().waiting, undefined, 20_000);
    for (let look = 0; look < 40 && good < looks; look++) {
        const { tracks, waiting, playing } = await player(page);
        const shown = tracks.filter(one => one.shown);

        assert.ok(playing && shown.length === 4, JSON.stringify(tracks));
        good = !waiting && shown.every(({ off }) => Math.abs(off) < 80) ? good + 1 : 0;
        await new Promise(resolve => setTimeout(resolve, 120));
    }
    assert.ok(good >= looks, JSON.stringify(await player(page)));
}

/** How loud it is, of all that plays. */
function loudness(page) {
    return page.evaluate(async () => {
        const context = new AudioContext();
        const loudest = context.createAnalyser();

        for (const element of document.querySelectorAll('audio')) {
            context.createMediaElementSource(element).connect(loudest);
        }
        loudest.connect(context.destination);
        const samples = new Float32Array(loudest.fftSize);
        let most = 0;

        for (let look = 0; look < 60 && most < 0.01; look++) {
            await new Promise(requestAnimationFrame);
            loudest.getFloatTimeDomainData(samples);
            most = Math.max(most, ...samples.map(Math.abs));
        }

        return most;
    });
}

test('the interface for programs starts, lists, stops, sends parts of files and deletes', async () => {
    const { ada, bob, close } = await meeting('by-api');
    const start = room => ask('/api/v1/recordings', { method: 'POST', body: JSON.stringify({ room }) });
    const none = await start('nobody-there');

    assert.equal(none.status, 404);
    assert.match(none.json.error, /no meeting in this room/);
    const begun = await start('by-api');

    assert.equal(begun.status, 201);
    assert.equal(begun.headers.location, `/api/v1/recordings/${begun.json.name}`);
    const again = await start('By-API');

    assert.equal(again.status, 409);
    assert.match(again.json.error, /recorded already/);
    await ada.locator('[data-test=recorded]').waitFor();
    assert.match(await bob.locator('.notices').innerText(), /Recording has started/);
    await watches(ada, await id(bob), 60);
    const one = `/api/v1/recordings/${begun.json.name}`;
    const running = (await ask(one)).json;

    assert.deepEqual([ running.state, running.room, running.initiator ], [ 'recording', 'by-api', 'administrator' ]);
    assert.equal((await ask(one, { method: 'DELETE' })).status, 409);
    assert.equal((await ask(`${one}/stop`, { method: 'POST' })).status, 202);
    const ended = await becomes(begun.json.name, ({ state }) => state === 'finished');

    assert.equal((await ask(`${one}/stop`, { method: 'POST' })).status, 409);
    assert.deepEqual(ended.participants, [ 'Ada', 'Bob' ]);
    assert.equal(ended.files.reduce((sum, { bytes }) => sum + bytes, 0), ended.bytes);
    assert.deepEqual((await list('?room=by-api')).map(({ name }) => name), [ begun.json.name ]);
    assert.deepEqual(await list('?room=another'), []);
    await close();

    const video = ended.files.find(({ track }) => track?.kind === 'video');
    const bytes = readFileSync(path.join(kept, ended.name, video.file));
    const whole = await ask(`${one}/${video.file}`);

    assert.equal(whole.status, 200);
    assert.ok(whole.bytes.equals(bytes));
    assert.equal(whole.headers['content-type'], video.type);
    assert.equal(whole.headers['accept-ranges'], 'bytes');
    const part = (range, headers = {}) => ask(video.url, { token: '', headers: { range, ...headers } });
    const middle = await part('bytes=1000-1999');

    assert.equal(middle.status, 206);
    assert.equal(middle.headers['content-range'], `bytes 1000-1999/${bytes.length}`);
    assert.ok(middle.bytes.equals(bytes.subarray(1000, 2000)));
    assert.ok((await part('bytes=-100')).bytes.equals(bytes.subarray(-100)));
    assert.ok((await part('bytes=5000-')).bytes.equals(bytes.subarray(5000)));
    const beyond = await part(`bytes=${bytes.length}-`);

    assert.equal(beyond.status, 416);
    assert.equal(beyond.headers['content-range'], `bytes */${bytes.length}`);
    assert.equal((await part('bytes=0-9', { 'if-range': middle.headers.etag })).status, 206);
    assert.equal((await part('bytes=0-9', { 'if-range': '"another"' })).status, 200);
    assert.equal((await ask(video.url, { token: '', headers: { 'if-none-match': middle.headers.etag } })).status, 304);
    const head = await ask(`${video.url}&download=1`, { token: '', method: 'HEAD' });

    assert.deepEqual([ head.status, head.headers['content-length'], head.bytes.length ], [ 200, String(bytes.length), 0 ]);
    assert.equal(head.headers['content-disposition'], `attachment; filename="${ended.name}-${video.file}"`);

    symlinkSync('/etc/hostname', path.join(kept, ended.name, 'link.json'));
    for (const name of [ 'link.json', '.lock', '..%2f..%2fsite.toml', '%2e%2e/token', 'nothing.mp4' ]) {
        assert.equal((await ask(`${one}/${name}`)).status, 404, name);
    }
    assert.equal((await ask(one, { method: 'DELETE' })).status, 204);
    assert.equal((await ask(one)).status, 404);
    assert.ok(!existsSync(path.join(kept, ended.name)));
});

test('a link opens the recording that it was made for, and no other', async () => {
    const [ first, second ] = [ await record('one', 10), await record('two', 10) ];
    const { json } = await ask(`/api/v1/recordings/${first}`);
    const open = (name, ticket, more = {}) => ask(`/api/v1/recordings/${name}?ticket=${ticket}`, { token: '', ...more });

    assert.equal((await open(first, json.ticket)).status, 200);
    assert.equal((await open(second, json.ticket)).status, 403);
    assert.equal((await open(first, json.ticket.replace(/.$/, last => last === '0' ? '1' : '0'))).status, 403);
    assert.equal((await open(first, json.ticket, { method: 'DELETE' })).status, 401, 'links only show');
    assert.equal((await ask(`/api/v1/recordings?ticket=${json.ticket}`, { token: '' })).status, 401);
    for (const name of [ first, second ]) {
        await ask(`/api/v1/recordings/${name}`, { method: 'DELETE' });
    }
});

/** What an answer lacks of what its schema says, and of all schemas within. */
function lacking(schema, value, root, where) {
    const { $ref, required = [], properties = {}, items, type } = schema;

    if ($ref) {
        return lacking($ref.slice(2).split('/').reduce((all, key) => all[key], root), value, root, where);
    }
    if (items) {
        return value.flatMap((one, at) => lacking(items, one, root, `${where}/${at}`));
    }
    const types = [ type ].flat().filter(Boolean);
    const is = value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) && !types.includes('number') ? 'integer' : typeof value;

    return [
        ...types.length && !types.includes(is) ? [ `${where} is ${is}` ] : [],
        ...schema.enum && !schema.enum.includes(value) ? [ `${where} is ${value}` ] : [],
        ...required.filter(key => !(key in value)).map(key => `${where}/${key} is missing`),
        ...type === 'object' ? Object.keys(value).filter(key => !(key in properties)).map(key => `${where}/${key} is not described`) : [],
        ...Object.entries(properties).flatMap(([ key, inner ]) => value && key in value ? lacking(inner, value[key], root, `${where}/${key}`) : [])
    ];
}

test('answers are as the description says', async () => {
    const name = await record('described', 10);
    const { json: described } = await ask('/api/v1/openapi.json', { token: '' });
    const { recordings } = await ask('/api/v1/recordings').then(({ json }) => json);
    const file = recordings[0].files[0].file;
    const real = where => where.replace('{name}', name).replace('{file}', file);

    assert.equal(described.openapi, '3.1.0');
    for (const [ where, methods ] of Object.entries(described.paths)) {
        for (const [ method, { responses } ] of Object.entries(methods).filter(([ key ]) => key !== 'parameters' && key !== 'delete')) {
            const answer = await ask(real(where), { method: method.toUpperCase(), ...where === '/api/v1/recordings' && method === 'post' ? { body: '{"room":"nobody"}' } : {} });
            const described1 = responses[answer.status];

            assert.ok(described1, `${method} ${where}: ${answer.status}`);
            const said = described1.$ref ? described.components.responses[described1.$ref.split('/').pop()] : described1;
            const schema = said.content?.['application/json']?.schema;

            assert.deepEqual(schema ? lacking(schema, answer.json, described, `${method} ${where}`) : [], []);
        }
        const wrong = await ask(real(where), { method: 'PATCH' });

        assert.equal(wrong.status, 405, where);
        const known = Object.keys(methods).filter(key => key !== 'parameters').map(key => key.toUpperCase());

        assert.deepEqual(wrong.headers.allow.split(', ').filter(one => one !== 'HEAD').sort(), known.sort(), where);
    }
    const { status, json } = await ask(`/api/v1/recordings/${name}`, { method: 'DELETE' });

    assert.deepEqual([ status, json ], [ 204, null ]);
});

test('the administrator sees the recordings of all rooms on a page, with the token', async () => {
    const names = [ await record('first-floor', 15), await record('attic', 15) ];
    const page = await tab(browser);

    await page.goto('https://127.0.0.1:8443/recordings');
    await page.locator('[data-test=token]').fill('not the token of this box');
    await page.locator('[data-test=open]').click();
    await page.locator('[data-test=trouble]').waitFor();
    await examine(page, 'keeper-wrong');
    await page.locator('[data-test=token]').fill(TOKEN);
    await page.locator('[data-test=open]').click();
    await page.locator('[data-test=recording]').nth(1).waitFor();
    assert.deepEqual(await page.locator('[data-test=recording]').evaluateAll(all => all.map(one => one.dataset.name)), names.reverse());
    assert.ok(!page.url().includes(TOKEN));
    await setTheme(page, 'dark');
    await examine(page, 'keeper');
    await setTheme(page, 'light');
    await examine(page, 'keeper-light');
    await page.setViewportSize(PHONE.viewport);
    await shot(page, 'keeper-phone');
    await page.reload();
    await page.locator('[data-test=recording]').nth(1).waitFor();
    const [ watched ] = await Promise.all([ page.context().waitForEvent('page'), page.locator('[data-test=recording-play]').first().click() ]);

    await watched.locator('[data-test=watch-play]').click();
    await until(watched, () => window.moothall.player().position > 300, undefined, 20_000);
    await watched.close();
    await page.locator('[data-test=recording-delete]').first().click();
    await page.locator('[data-test=yes]').click();
    await page.locator('[data-test=recording]').nth(1).waitFor({ state: 'detached' });
    assert.ok(!existsSync(path.join(kept, names[0])));
    await page.locator('[data-test=forget]').click();
    await page.locator('[data-test=token]').waitFor();
    await page.context().close();
});

test('without the token there is nothing, and it cannot be guessed', async () => {
    const missing = await ask('/api/v1/recordings', { token: '' });

    assert.equal(missing.status, 401);
    assert.deepEqual(Object.keys(missing.json).sort(), [ 'advice', 'error' ]);
    let limited = null;

    for (let guess = 0; guess < 12 && !limited; guess++) {
        const answer = await ask('/api/v1/recordings', { token: `${guess}`.padStart(32, 'x') });

        limited = answer.status === 429 ? answer : null;
    }
    assert.ok(limited && Number(limited.headers['retry-after']) > 0);
    assert.equal((await ask('/api/v1/recordings')).status, 429, 'whoever guesses does not know it was right');

    await server.stop();
    writeFileSync(path.join(folder, 'site.toml'), '[recorder]\ndirectory = "kept"\n');
    server = await Server.start({ config: path.join(folder, 'site.toml') });
    for (const where of [ '/api/v1/recordings', '/api/v1/openapi.json', '/api/v1/recordings/a', '/api/v1/x' ]) {
        assert.equal((await ask(where)).status, 404, where);
    }
});
