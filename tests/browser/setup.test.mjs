// First boot: a box that nobody has set up yet, the code on its console, and the page on which it gets a name and a password.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { assertAccessible } from './axe.mjs';
import { Server, openChromium, tab, until } from './harness.mjs';
import { shot } from './page.mjs';
import { Supervisor } from './supervisor.mjs';

const BOX = 'https://127.0.0.1:8443';
const PASSWORD = 'a sentence is best';

let dir, site, supervisor, server, browser;

before(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'moothall-setup-'));
    site = path.join(dir, 'site.toml');
    writeFileSync(site, '# Written by Ada.\n[branding]\nwelcome = "Hello"\n');
    mkdirSync(path.join(dir, 'run'));
    supervisor = await Supervisor.start(site, path.join(dir, 'run'));
    server = await Server.start({ config: site, args: [ '--supervisor', supervisor.socket ] });
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
    await supervisor?.stop();
    rmSync(dir, { recursive: true, force: true });
});

/** A page whose errors fail the test. */
async function open(options = {}) {
    const page = await tab(browser, { reducedMotion: 'reduce', ...options });

    page.wrong = [];
    page.on('pageerror', error => page.wrong.push(String(error)));
    page.on('console', message => /Content Security Policy/.test(message.text()) && page.wrong.push(message.text()));

    return page;
}

async function close(page) {
    assert.deepEqual(page.wrong, [], 'script errors and refused content');
    await page.context().close();
}

/** What our own page would send, without the page. */
function ask(page, body) {
    return page.evaluate(async request => (await fetch('/setup/api', {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(request)
    })).json(), body);
}

test('nobody comes in from an address that is not private, and no page from elsewhere has the setup in a frame', async () => {
    const page = await open();

    await page.goto('https://192.0.2.2:8443/setup');
    await page.getByRole('heading', { name: 'Come closer' }).waitFor();
    assert.deepEqual(await ask(page, { do: 'code', code: await supervisor.code() }), { error: 'far' });
    const { headers } = await server.get('/setup');

    assert.match(headers['content-security-policy'], /frame-ancestors 'none'/);
    await close(page);
});

test('who stands by the box sets it up by the code, and nobody does without', async () => {
    const page = await open({ viewport: { width: 360, height: 740 }, colorScheme: 'light' });

    await page.goto(BOX);
    await until(page, () => window.config.setupPage === '/setup', undefined, 20_000).catch(async () => {
        throw new Error(`the host does not know: ${JSON.stringify(await page.evaluate(() => window.config))}`);
    });
    await page.reload();
    await shot(page, 'setup-landing', { fullPage: true });
    await page.locator('[data-test=setup]').click();
    assert.deepEqual(await ask(page, { do: 'room', session: '0'.repeat(64), name: 'Mine', password: PASSWORD }), { error: 'session' });

    await page.locator('[data-test=code]').fill('12');
    await page.keyboard.press('Enter');
    await page.getByText('The code has six digits.').waitFor();
    const code = await supervisor.code();

    await page.locator('[data-test=code]').fill(code === '000000' ? '000001' : '000000');
    await page.keyboard.press('Enter');
    await page.getByText('4 tries are left').waitFor();
    await assertAccessible(page, 'code');
    await shot(page, 'setup-code-phone', { fullPage: true });
    await page.locator('[data-test=code]').fill(code);
    await page.keyboard.press('Enter');

    await page.locator('[data-test=name]').fill('Harbour room');
    await page.locator('[data-test=new-password]').fill('short');
    await page.locator('[data-test=next]').click();
    await page.locator('#new-password-wrong:not(:empty)').waitFor();
    await assertAccessible(page, 'room');
    await shot(page, 'setup-room-phone', { fullPage: true });
    assert.doesNotMatch(readFileSync(site, 'utf8'), /Harbour/);
    await page.locator('[data-test=new-password]').fill(PASSWORD);
    await page.locator('[data-test=next]').click();

    await page.getByText('There is no NetworkManager on it.').waitFor();
    assert.equal(readFileSync(site, 'utf8').replaceAll('\'', '"'), '# Written by Ada.\n[branding]\nwelcome = "Hello"\nname = "Harbour room"\n');
    assert.equal(statSync(path.join(dir, 'administrator.json')).mode & 0o777, 0o600);
    assert.ok(!supervisor.said.join('\n').includes(PASSWORD), 'no password in the log');
    await assertAccessible(page, 'network');
    await shot(page, 'setup-network-phone', { fullPage: true });
    await page.locator('[data-test=next]').click();

    await page.getByRole('heading', { name: 'Let phones and laptops trust the box' }).waitFor();
    assert.equal(await page.locator('[data-test=trust]').getAttribute('href'), '/trust');
    await assertAccessible(page, 'trust');
    await shot(page, 'setup-trust-phone', { fullPage: true });
    await page.locator('[data-test=finish]').click();
    await page.getByRole('heading', { name: 'The box is ready' }).waitFor();
    await page.locator('[data-test=front]').click();
    await page.locator('[data-test=room-name]').waitFor();
    assert.equal(await page.locator('[data-test=setup]').count(), 0, 'it is set up');
    await close(page);
});

test('afterwards the password lets in, also when the supervisor was started anew, and the code does no longer', async () => {
    await supervisor.stop();
    supervisor = await Supervisor.start(site, path.join(dir, 'run'));
    const page = await open({ viewport: { width: 1280, height: 860 }, colorScheme: 'dark', locale: 'de' });

    await page.goto(`${BOX}/setup`);
    // It may not listen yet.
    await until(page, async () => {
        document.querySelector('[data-test=again], [data-test=front]') && location.reload();

        return document.querySelector('#password') !== null;
    }, undefined, 20_000);
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
    assert.deepEqual(await ask(page, { do: 'code', code: '000000' }), { error: 'other_way' });
    await page.locator('#password').fill('not this sentence');
    await page.keyboard.press('Enter');
    await page.getByText('Das war es nicht.').waitFor();
    await assertAccessible(page, 'password');
    await shot(page, 'setup-password-desktop', { fullPage: true });
    await until(page, async password => {
        const said = document.querySelector('#password-wrong')?.textContent ?? '';

        if (document.querySelector('#name')) {
            return true;
        }
        // One try in two seconds.
        document.querySelector('#password').value = password;
        if (said && !document.querySelector('[aria-busy]')) {
            document.querySelector('[data-test=next]').click();
        }

        return false;
    }, PASSWORD, 30_000);
    assert.equal(await page.locator('[data-test=name]').inputValue(), 'Harbour room');
    await shot(page, 'setup-room-desktop', { fullPage: true });
    assert.ok(!supervisor.said.some(line => /type the code/.test(line)), 'no code is shown');
    await close(page);
});

test('a box without a supervisor says how it is set up', async () => {
    await supervisor.stop();
    const page = await open();

    await page.goto(`${BOX}/setup`);
    await page.getByText('This box is set up by its configuration file.').waitFor();
    await shot(page, 'setup-absent');
    await close(page);
    supervisor = await Supervisor.start(site, path.join(dir, 'run'));
});
