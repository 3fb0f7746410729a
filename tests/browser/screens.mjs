// Takes a picture of every view at three widths, light and dark, in English and German and from right to left, for people to
// look at: `make screens` puts them into target/screenshots. What does not fit is listed, and fails.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Server, SHOTS, openChromium, tab } from './harness.mjs';
import { join, stream } from './stream.mjs';

const ORIGIN = 'https://127.0.0.1:8443';
const WIDTHS = [ [ 360, 740 ], [ 820, 1180 ], [ 1440, 900 ] ];
const FOLDER = path.join(SHOTS, 'views');
const found = [];

/** Things that are wider than the room they have, in the words of the page. Words under keys may reach into the gap beside. */
function overflow() {
    const wide = [ ...document.querySelectorAll('button, .btn, .ctl, h1, h2, label, legend, .toast span') ].filter(element => {
        const { overflowX, textOverflow } = getComputedStyle(element);

        return element.checkVisibility() && element.clientWidth > 0 && textOverflow !== 'ellipsis' && overflowX !== 'auto' && !element.closest('.vh, .cut')
            && !element.querySelector('.cut') && element.scrollWidth > element.clientWidth + (element.matches('.ctl') ? 8 : 1);
    }).map(element => `“${element.innerText.trim().slice(0, 40)}” needs ${element.scrollWidth} of ${element.clientWidth}`);

    if (document.documentElement.scrollWidth > window.innerWidth + 1) {
        wide.push(`the page is ${document.documentElement.scrollWidth} wide`);
    }

    return wide;
}

async function view(page, name) {
    for (const [ width, height ] of WIDTHS) {
        await page.setViewportSize({ width, height });
        for (const theme of [ 'light', 'dark' ]) {
            await page.evaluate(value => { document.documentElement.dataset.theme = value; }, theme);
            // Two frames: one lays out, one paints. Colours need a moment longer.
            await page.evaluate(async () => {
                await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)));
                await Promise.allSettled(document.getAnimations().filter(one => one instanceof CSSTransition).map(one => one.finished));
            });
            await page.screenshot({ path: path.join(FOLDER, `${page.language}-${name}-${width}-${theme}.png`) });
        }
        found.push(...(await page.evaluate(overflow)).map(what => `${page.language} ${name} ${width}: ${what}`));
    }
}

async function visit(browser, language, where, init) {
    const page = await tab(browser, { reducedMotion: 'reduce', viewport: { width: 1440, height: 900 } });

    page.language = language;
    await page.addInitScript(value => localStorage.setItem('moothall.language', value), language === 'rtl' ? 'en' : language);
    if (language === 'rtl') {
        await page.addInitScript(() => document.addEventListener('DOMContentLoaded', () => { document.documentElement.dir = 'rtl'; }));
    }
    if (init) {
        await page.addInitScript(init);
    }
    await page.goto(`${ORIGIN}${where}`);

    return page;
}

async function goIn(page, name) {
    await page.locator('[data-test=display-name]').fill(name);
    await page.locator('[data-test=join]').click();
}

/** Opens something, takes its pictures and closes it again. */
async function opened(page, name, open) {
    await page.setViewportSize({ width: 1440, height: 900 });
    await open();
    await view(page, name);
    await page.keyboard.press('Escape');
}

async function more(page, item) {
    await page.locator('[data-test=more]').click();
    await page.locator(`[data-test=more-${item}]`).click();
}

async function walk(browser, server, language) {
    const room = `hall-${language}`;
    let page = await visit(browser, language, '/');

    await page.locator('[data-test=room-name]').waitFor();
    await view(page, 'landing');
    await page.context().close();

    page = await visit(browser, language, `/${room}`, 'navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"))');
    await page.locator('.state').first().waitFor();
    await view(page, 'prejoin-blocked');
    await page.context().close();

    page = await visit(browser, language, `/${room}`);
    await page.locator('[data-test=device-audio]').waitFor();
    await page.locator('.preview .vid.seen').waitFor({ timeout: 20_000 });
    await view(page, 'prejoin');
    await goIn(page, 'Amira Haddad');
    await page.locator('[data-test=leave]').waitFor({ timeout: 30_000 });
    await view(page, 'alone');
    const bots = [];

    for (let n = 0; n < 3; n++) {
        bots.push(await stream());
        await join(bots[n], room);
    }
    await page.waitForFunction(() => window.moothall.state().participants.length === 3, undefined, { timeout: 10_000 });
    await view(page, 'tiles');
    await page.keyboard.press('w');
    await view(page, 'stage');
    await page.keyboard.press('w');
    await page.locator('[data-test=chat]').click();
    await page.locator('[data-test=chat-input]').fill('The survey is back. Who reads the second half?');
    await page.locator('[data-test=chat-send]').click();
    await page.locator('[data-test=chat-log] article').waitFor();
    await view(page, 'chat');
    await page.keyboard.press('Escape');
    await opened(page, 'people', () => page.locator('[data-test=people]').click());
    await opened(page, 'more', () => page.locator('[data-test=more]').click());
    await opened(page, 'settings', () => more(page, 'globe'));
    await opened(page, 'keys', () => more(page, 'keys'));
    await opened(page, 'devices', () => more(page, 'sliders'));
    await opened(page, 'invite', () => page.locator('[data-test=invite]').click());
    for (const [ name, item ] of [ [ 'polls', 'poll' ], [ 'rooms', 'move' ], [ 'door', 'lock' ] ]) {
        await page.setViewportSize({ width: 1440, height: 900 });
        await page.locator('[data-test=more]').click();
        if (await page.locator(`[data-test=more-${item}]`).count() === 0) {
            await page.keyboard.press('Escape');
            continue;
        }
        await opened(page, name, () => page.locator(`[data-test=more-${item}]`).click());
    }
    await opened(page, 'leave', () => page.locator('[data-test=leave]').click());
    bots.forEach(({ socket }) => socket.close());

    server.child.kill('SIGSTOP');
    try {
        await page.locator('[data-test^=state-]').waitFor({ timeout: 60_000 });
        await view(page, 'gone');
    } finally {
        server.child.kill('SIGCONT');
    }
    await page.waitForFunction(() => window.moothall.state().phase === 'meeting', undefined, { timeout: 60_000 });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.locator('[data-test=leave]').click();
    if (await page.locator('[data-test=leave-yes]').count() > 0) {
        await page.locator('[data-test=leave-yes]').click();
    }
    await page.locator('[data-test=again]').waitFor({ timeout: 10_000 });
    await view(page, 'goodbye');
    await page.context().close();
}

mkdirSync(FOLDER, { recursive: true });
const server = await Server.start();
const browser = await openChromium();

try {
    for (const language of process.argv.length > 2 ? process.argv.slice(2) : [ 'en', 'de', 'es', 'rtl' ]) {
        await walk(browser, server, language);
    }
} finally {
    await browser.close();
    await server.stop();
}
console.log(found.length ? `does not fit:\n${found.join('\n')}` : `everything fits; the pictures are in ${FOLDER}`);
process.exitCode = found.length ? 1 : 0;
