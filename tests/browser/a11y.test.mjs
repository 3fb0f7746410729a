// What axe-core finds on the screens of our page, dark and light; and that the page asks nobody but its own box.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible } from './axe.mjs';
import { Server, openChromium, tab } from './harness.mjs';
import { joinWithPage, setTheme, shot } from './page.mjs';
import { join, stream } from './stream.mjs';

const ORIGIN = 'https://127.0.0.1:8443';

let server, browser;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
});

/** Takes the picture of a screen and fails with what axe holds to be serious on it. */
async function examine(page, name) {
    await shot(page, name);
    await assertAccessible(page, name);
}

const looks = theme => ({ colorScheme: theme, reducedMotion: 'reduce', viewport: { width: 1440, height: 900 } });

for (const theme of [ 'dark', 'light' ]) {
    test(`nothing serious for people who see, hear or move otherwise, ${theme}`, async () => {
        const page = await tab(browser, looks(theme));
        const strangers = [];

        await page.addInitScript(value => localStorage.setItem('moothall.theme', value), theme);
        page.on('request', request => {
            const url = new URL(request.url());

            if (url.protocol.startsWith('http') && url.origin !== ORIGIN) {
                strangers.push(request.url());
            }
        });
        page.on('websocket', socket => {
            if (new URL(socket.url()).host !== new URL(ORIGIN).host) {
                strangers.push(socket.url());
            }
        });
        await page.goto(ORIGIN);
        await page.locator('[data-test=room-name]').waitFor();
        await examine(page, `a11y-landing-${theme}`);
        await page.locator('[data-test=room-name]').fill(`a11y-${theme}`);
        await page.locator('[data-test=go]').click();
        await page.locator('[data-test=display-name]').fill('Ada');
        await page.locator('[data-test=device-audio]').waitFor();
        await examine(page, `a11y-prejoin-${theme}`);
        await page.locator('[data-test=join]').click();
        await page.waitForFunction(() => window.moothall.state().phase === 'meeting', undefined, { timeout: 30_000 });
        await examine(page, `a11y-meeting-${theme}`);
        await page.locator('[data-test=more]').click();
        await examine(page, `a11y-more-${theme}`);
        await page.keyboard.press('Escape');
        await page.locator('[data-test=chat]').click();
        await page.locator('[data-test=chat-input]').fill('The survey is back.');
        await page.locator('[data-test=chat-send]').click();
        await page.locator('[data-test=chat-log] article').waitFor();
        await examine(page, `a11y-chat-${theme}`);
        await page.locator('[data-test=leave]').click();
        await page.locator('[data-test=again]').waitFor();
        await examine(page, `a11y-goodbye-${theme}`);
        assert.deepEqual(strangers, [], 'requests to others');
        assert.deepEqual(page.lines.filter(line => /^error:|Content Security Policy/.test(line)), [], 'script errors and refused content');
        await page.context().close();
    });

    test(`nor on the stage, in its strip, beside a shared screen and among the numbers of connections, ${theme}`, async () => {
        const room = `a11y-stage-${theme}`;
        const page = await joinWithPage(browser, { room, name: 'Ada', options: looks(theme) });
        const grace = await joinWithPage(browser, { room, name: 'Grace', camera: false });
        const silent = await Promise.all([ stream(), stream(), stream() ]);

        for (const one of silent) {
            await join(one, room);
        }
        await page.waitForFunction(() => window.moothall.state().participants.length === 4, undefined, { timeout: 20_000 });
        await setTheme(page, theme);
        await page.keyboard.press('w');
        await page.locator('.hall[data-layout=stage] [data-test=tile].onstage').waitFor();
        await examine(page, `a11y-stage-${theme}`);
        await grace.locator('[data-test=share]').click();
        await page.locator('[data-test=tile].screen.onstage').waitFor({ timeout: 20_000 });
        await examine(page, `a11y-screen-${theme}`);
        await page.locator('[data-test=share]').click();
        await page.locator('[data-test=sharing]').waitFor();
        await examine(page, `a11y-sharing-${theme}`);
        await page.keyboard.press('a');
        await page.locator('[data-test=connections] summary').first().click();
        await examine(page, `a11y-connections-${theme}`);
        await page.keyboard.press('Escape');
        silent.forEach(({ socket }) => socket.close());
        await Promise.all([ page, grace ].map(one => one.context().close()));
    });
}
