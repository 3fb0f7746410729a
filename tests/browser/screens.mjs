// Takes a picture of every view, for people to look at: `make screens` puts them into target/screenshots/views. English at
// three widths, light and dark, and here and there larger or lower still; the other languages, and one that is made up and runs
// from right to left, on a phone in the dark and on a laptop in the light. Languages may be named as arguments. What does not
// fit is listed, and fails.
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Server, SHOTS, openChromium, tab } from './harness.mjs';
import { Firewall } from './line.mjs';
import { setTheme } from './page.mjs';
import { join, MUC, stream } from './stream.mjs';

const ORIGIN = 'https://127.0.0.1:8443';
const FOLDER = path.join(SHOTS, 'views');
const LAPTOP = { width: 1280, height: 800 };
const PATIENCE = { timeout: 40_000 };
const found = [];

const both = (width, height) => [ 'light', 'dark' ].map(theme => ({ width, height, theme }));
const EVERY_WIDTH = [ ...both(360, 740), ...both(820, 1180), ...both(1440, 900) ];
const TWO_WIDTHS = [ { width: 360, height: 740, theme: 'dark' }, { ...LAPTOP, theme: 'light' } ];
/** A phone on its side, and a screen as large as a wall. */
const EXTREMES = [ { width: 740, height: 360, theme: 'dark' }, { width: 3840, height: 2160, theme: 'light' } ];

/** The German texts in Hebrew letters: nobody speaks it, but it is as long as a language can be and runs from right to left. */
function madeUp() {
    const file = path.join(process.env.MOOTHALL_WEB_ROOT ?? fileURLToPath(new URL('../../signal/web/dist', import.meta.url)), 'lang/de.json');
    const letters = 'אבגדהוזחטיכלמנסעפצקרשתםןףץ';
    const turned = text => text.replace(/\{\w+\}|[a-zäöüß]/gi, part => part.length > 1 ? part : letters[part.toLowerCase().charCodeAt(0) % letters.length]);

    return JSON.stringify({ name: 'עברית', dir: 'rtl', texts: JSON.parse(readFileSync(file, 'utf8')).texts }, (key, value) => typeof value === 'string' && ![ 'name', 'dir' ].includes(key) ? turned(value) : value);
}

/** Things that are wider than the room they have, in the words of the page. Words under keys may reach into the gap beside. */
function overflow() {
    const wide = [ ...document.querySelectorAll('button, .btn, .ctl, h1, h2, label, legend, .toast span') ].filter(element => {
        const { overflowX, textOverflow } = getComputedStyle(element);

        return element.checkVisibility() && element.clientWidth > 0 && textOverflow !== 'ellipsis' && overflowX !== 'auto' && !element.closest('.vh, .cut')
            && !element.querySelector('.cut') && element.scrollWidth > element.clientWidth + (element.matches('.ctl') ? 4 : 1);
    }).map(element => `“${element.innerText.trim().slice(0, 40)}” needs ${element.scrollWidth} of ${element.clientWidth}`);

    if (document.documentElement.scrollWidth > window.innerWidth + 1) {
        wide.push(`the page is ${document.documentElement.scrollWidth} wide`);
    }

    return wide;
}

async function view(page, name, more = []) {
    const before = page.viewportSize();

    for (const { width, height, theme } of page.language === 'en' ? [ ...EVERY_WIDTH, ...more ] : TWO_WIDTHS) {
        await page.setViewportSize({ width, height });
        await setTheme(page, theme);
        await page.screenshot({ path: path.join(FOLDER, `${page.language}-${name}-${width}-${theme}.png`) });
        found.push(...(await page.evaluate(overflow)).map(what => `${page.language} ${name} ${width} ${theme}: ${what}`));
    }
    await page.setViewportSize(before);
}

async function visit(browser, language, where, init) {
    const page = await tab(browser, { reducedMotion: 'reduce', viewport: LAPTOP });

    page.language = language;
    page.setDefaultTimeout(PATIENCE.timeout);
    await page.addInitScript(value => localStorage.setItem('moothall.language', value), language === 'rtl' ? 'de' : language);
    if (language === 'rtl') {
        await page.route('**/lang/de.json', route => route.fulfill({ contentType: 'application/json', body: madeUp() }));
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

function phase(page, wanted) {
    return page.waitForFunction(name => window.moothall.state().phase === name, wanted, PATIENCE);
}

function company(page, number) {
    return page.waitForFunction(many => window.moothall.state().participants.length === many, number, PATIENCE);
}

/** Opens something, takes its pictures and closes it again. */
async function opened(page, name, open, more) {
    await open();
    await view(page, name, more);
    await page.keyboard.press('Escape');
}

async function more(page, item) {
    await page.locator('[data-test=more]').click();
    await page.locator(`[data-test=more-${item}]`).click();
}

/** Somebody without sound and picture, who has a name. */
async function silent(room, name, extra = '') {
    const one = await stream();

    await join(one, room);
    one.socket.send(`<presence to="${MUC(room)}/${one.nick}" xmlns="jabber:client"><nick xmlns="http://jabber.org/protocol/nick">${name}</nick>${extra}</presence>`);

    return one;
}

async function beforeMeeting(browser, language, room) {
    let page = await visit(browser, language, '/');

    await page.locator('[data-test=room-name]').waitFor();
    await view(page, 'landing', EXTREMES);
    await page.context().close();

    page = await visit(browser, language, `/${room}`, 'navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"))');
    await page.locator('.state').first().waitFor();
    await view(page, 'prejoin-blocked');
    await page.context().close();

    page = await visit(browser, language, `/${room}`);
    await page.locator('[data-test=device-audio]').waitFor();
    await page.locator('.preview .vid.seen').waitFor();
    await view(page, 'prejoin', EXTREMES);

    return page;
}

async function panels(page) {
    await page.locator('[data-test=chat]').click();
    await view(page, 'chat-empty');
    for (const text of [ 'The survey is back. Who reads the second half?', 'It is at https://example.org/a-very-long-address/that-does-not-end/and-goes-on?for=ever' ]) {
        await page.locator('[data-test=chat-input]').fill(text);
        await page.locator('[data-test=chat-send]').click();
    }
    await page.locator('[data-test=chat-log] article').nth(1).waitFor();
    await page.locator('[data-message]').first().hover();
    await page.locator('[data-test=message-menu]').first().click();
    await view(page, 'chat', EXTREMES);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await opened(page, 'people', () => page.locator('[data-test=people]').click());
    await opened(page, 'more', () => page.locator('[data-test=more]').click(), EXTREMES);
    await opened(page, 'settings', () => more(page, 'globe'));
    await opened(page, 'keys', () => more(page, 'keys'));
    await opened(page, 'devices', () => more(page, 'sliders'));
    await opened(page, 'invite', () => page.locator('[data-test=invite]').click());
    await opened(page, 'pictures', () => more(page, 'ear'));
    await opened(page, 'connection', async () => {
        await more(page, 'signal');
        await page.locator('[data-test=connections] summary').first().click();
    });
    await opened(page, 'react', () => page.locator('[data-test=react]').click());
    await opened(page, 'talk', () => more(page, 'clock'));
}

async function polls(page) {
    await more(page, 'poll');
    await view(page, 'polls-none');
    await page.locator('[data-test=poll-maker] summary').click();
    await page.locator('[data-test=poll-question]').fill('Which day suits everybody who has to travel?');
    for (const [ number, answer ] of [ 'Tuesday', 'Thursday, if the train from the north is on time' ].entries()) {
        await page.locator('[data-test=poll-option]').nth(number).fill(answer);
    }
    await view(page, 'poll-maker');
    await page.locator('[data-test=poll-ask]').click();
    await page.locator('[data-test=poll-choice]').nth(1).check();
    await view(page, 'poll-ballot');
    await page.locator('[data-test=poll-answer]').click();
    await page.locator('[data-test=poll-results]').waitFor();
    await view(page, 'poll-results');
    await page.keyboard.press('Escape');
}

async function rooms(page) {
    const menus = page.locator('[data-test=room-menu]');

    await more(page, 'move');
    await view(page, 'rooms-none');
    for (const number of [ 0, 1 ]) {
        await page.locator('[data-test=room-add]').click();
        await menus.nth(number).waitFor();
    }
    await menus.first().click();
    await page.locator('[data-test=room-rename]').waitFor();
    await view(page, 'rooms');
    await page.locator('[data-test=room-rename]').click();
    await view(page, 'room-rename');
    await page.keyboard.press('Escape');
    await page.locator('[data-test=room-visit]').first().click();
    await page.locator('[data-test=room-pill]').waitFor();
    await company(page, 0);
    await view(page, 'room-away');
    await page.locator('[data-test=rooms-back]').click();
    await page.locator('[data-test=room-pill]').waitFor({ state: 'hidden' });
    await page.locator('[data-test=room-add]').waitFor();
    for (let left = 2; left > 0; left--) {
        await menus.first().click();
        await page.locator('[data-test=room-close]').click();
        await page.waitForFunction(many => document.querySelectorAll('[data-test=room-menu]').length === many, left - 1, PATIENCE);
    }
    await page.keyboard.press('Escape');
}

/** What a moderator may do about everybody and about one; what a guest sees of it. */
async function permissions(page, guest) {
    const who = await guest.evaluate(() => window.moothall.state().me);

    await page.locator('[data-test=people]').click();
    await page.locator('[data-test=menu-all]').click();
    await view(page, 'people-all');
    await page.locator('[data-test=only-audio]').click();
    await page.locator(`[data-person="${who}"] [data-test=menu-person]`).click();
    await page.locator('[data-test=may-audio]').waitFor();
    await view(page, 'people-one');
    await page.locator(`[data-person="${who}"] [data-test=menu-person]`).click();
    await guest.locator('[data-test=mic].off').waitFor();
    await guest.locator('[data-test=mic]').click();
    await guest.locator('[data-test=notice-hand]').waitFor();
    await view(guest, 'forbidden');
    await guest.locator('[data-test=hand]').click();
    await page.locator(`[data-key="speak-${who}"]`).waitFor();
    await view(page, 'hand');
    await page.locator(`[data-key="speak-${who}"]`).click();
    await guest.locator('[data-test=notice-turn-on]').waitFor();
    await view(guest, 'asked');
    await page.locator('[data-test=menu-all]').click();
    await page.locator('[data-test=only-audio]').click();
    await page.keyboard.press('Escape');
}

/** Somebody comes who needs the password, waits at the door, is refused, let in, and removed. */
async function atTheDoor(browser, page, language, room) {
    const come = async () => {
        const guest = await visit(browser, language, `/${room}`);

        await goIn(guest, 'Sofia Marino');

        return guest;
    };

    await more(page, 'lock');
    await page.locator('[data-test=new-password]').fill('Plum 7');
    await page.locator('[data-test=set-password]').click();
    await page.locator('[data-test=remove-password]').waitFor();
    await view(page, 'door');
    await page.keyboard.press('Escape');
    let guest = await come();

    await guest.locator('[data-test=password]').waitFor();
    await view(guest, 'password');
    await guest.locator('[data-test=password]').fill('plum 7');
    await guest.locator('[data-test=password]').press('Enter');
    await guest.locator('[data-test=password][aria-invalid=true]').waitFor();
    await view(guest, 'password-wrong');
    await guest.context().close();

    await more(page, 'lock');
    await page.locator('[data-test=remove-password]').click();
    await page.locator('[data-test=remove-password]').waitFor({ state: 'hidden' });
    await page.locator('[data-test=door-switch]').click();
    await page.locator('[data-test=door-switch][aria-checked=true]').waitFor();
    await page.keyboard.press('Escape');
    guest = await come();
    await guest.locator('[data-test=door-input]').waitFor();
    await guest.locator('[data-test=door-input]').fill('I have the minutes with me.');
    await guest.locator('[data-test=door-send]').click();
    await guest.locator('[data-test=door-log] p').waitFor();
    await view(guest, 'waiting');
    await page.locator('[data-test=notice-refuse]').waitFor();
    await view(page, 'knock', EXTREMES);
    await opened(page, 'people-door', () => page.locator('[data-test=people]').click());
    await page.locator('[data-test=notice-refuse]').click();
    await guest.locator('[data-test=knock-again]').waitFor();
    await view(guest, 'refused');
    await guest.locator('[data-test=knock-again]').click();
    await page.locator('[data-test=notice-admit]').click();
    await guest.locator('[data-test=leave]').waitFor();
    const who = await guest.evaluate(() => window.moothall.state().me);

    await page.locator('[data-test=people]').click();
    await page.locator(`[data-person="${who}"] [data-test=menu-person]`).click();
    await page.locator('[data-test=people-panel] [data-test=remove]').click();
    await view(page, 'remove');
    await page.locator('[data-test=remove-reason]').fill('This is another meeting');
    await page.locator('[data-test=remove-yes]').click();
    await phase(guest, 'removed');
    await view(guest, 'removed');
    await guest.context().close();
    await page.keyboard.press('Escape');
}

/** Who is sent home when a moderator ends the meeting, and who just leaves. */
async function theEnd(page, guest) {
    await opened(page, 'leave', () => page.locator('[data-test=leave]').click());
    await page.locator('[data-test=leave]').click();
    await page.locator('[data-test=end-for-all]').click();
    await phase(guest, 'ended');
    await view(guest, 'ended');
    await guest.context().close();
    await page.locator('.state .btn').first().waitFor();
    await page.goto(`${ORIGIN}/farewell`);
    await goIn(page, 'Amira Haddad');
    await phase(page, 'meeting');
    await page.locator('[data-test=leave]').click();
    await page.locator('[data-test=again]').waitFor();
    await view(page, 'goodbye');
    await page.locator('[data-test=again]').click();
    await goIn(page, 'Amira Haddad');
    await phase(page, 'meeting');
}

/** The network gone, UDP blocked, the box gone: in a meeting and before one. */
async function faults(browser, page, server) {
    const late = await visit(browser, page.language, '/late');

    await silent('farewell', 'Mei Tanaka');
    await late.locator('[data-test=display-name]').waitFor();
    await page.waitForFunction(() => window.moothall.state().media === 'connected', undefined, PATIENCE);
    await page.context().setOffline(true);
    await page.locator('.toast').waitFor();
    await view(page, 'offline');
    await page.context().setOffline(false);
    await phase(page, 'meeting');
    if (page.language === 'en') {
        const firewall = new Firewall(10_000);

        firewall.block();
        try {
            await page.locator('[data-test=state-udp]').waitFor();
        } finally {
            firewall.open();
        }
        await view(page, 'udp');
    }
    server.child.kill('SIGKILL');
    await goIn(late, 'Jonas Weber');
    await late.locator('.alone .state').waitFor();
    await view(late, 'unreachable');
    await late.context().close();
    await page.locator('[data-test=state-gone]').waitFor();
    await view(page, 'gone', EXTREMES);
}

async function walk(browser, language) {
    const room = 'weekly-review';
    const server = await Server.start();

    try {
        const page = await beforeMeeting(browser, language, room);

        await goIn(page, 'Amira Haddad');
        await page.locator('[data-test=leave]').waitFor();
        await view(page, 'alone', EXTREMES);
        const guest = await visit(browser, language, `/${room}`);

        await goIn(guest, 'Jonas Weber');
        await page.locator('.tile:not(.me) > .vid.seen').waitFor();
        await view(page, 'two');
        await silent(room, 'Mei Tanaka', '<jitsi_participant_raisedHand>1700000000000</jitsi_participant_raisedHand>');
        await silent(room, 'Maximiliane-Friederike von Hohenlohe-Waldenburg');
        await silent(room, 'דנה לוי');
        await company(page, 4);
        await view(page, 'tiles', EXTREMES);
        await page.keyboard.press('w');
        await view(page, 'stage', EXTREMES);
        await page.keyboard.press('w');
        await guest.locator('[data-test=share]').click();
        await page.locator('.tile.screen.onstage > .vid.seen').waitFor();
        await view(page, 'screen', EXTREMES);
        await view(guest, 'sharing');
        await guest.locator('[data-test=share]').click();
        await page.locator('.tile.screen').waitFor({ state: 'detached' });
        await panels(page);
        await polls(page);
        await rooms(page);
        await permissions(page, guest);
        await atTheDoor(browser, page, language, room);
        await theEnd(page, guest);
        await faults(browser, page, server);
        await page.context().close();
    } finally {
        await server.stop();
    }
}

mkdirSync(FOLDER, { recursive: true });
const browser = await openChromium([ '--auto-accept-this-tab-capture', '--auto-select-desktop-capture-source=Entire screen' ]);

try {
    for (const language of process.argv.length > 2 ? process.argv.slice(2) : [ 'en', 'de', 'es', 'rtl' ]) {
        const since = Date.now();

        await walk(browser, language);
        console.log(`${language}: ${Math.round((Date.now() - since) / 1000)} s`);
    }
} finally {
    await browser.close();
}
console.log(found.length ? `does not fit:\n${found.join('\n')}` : `everything fits; the pictures are in ${FOLDER}`);
process.exitCode = found.length ? 1 : 0;
