// Driving our own page: what a person clicks, and what the page says of itself through `window.moothall`.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { SHOTS, tab, until } from './harness.mjs';

/** Opens the room's page, gives a name and goes in; without the camera if the test has no need of it. */
export async function joinWithPage(browser, { room, name, origin = 'https://127.0.0.1:8443', camera = true, options }) {
    const page = await tab(browser, options);

    await page.goto(`${origin}/${room}`);
    await page.locator('[data-test=display-name]').fill(name);
    if (!camera) {
        await page.locator('[data-test=camera]').click();
    }
    await page.locator('[data-test=join]').click();
    try {
        await page.waitForFunction(() => window.moothall.state().phase === 'meeting', undefined, { timeout: 30_000 });
    } catch (error) {
        throw new Error(`${error.message}\n${JSON.stringify(await state(page))}\n${page.lines.slice(-20).join('\n')}`);
    }

    return page;
}

export function state(page) {
    return page.evaluate(() => window.moothall.state());
}

export function stats(page) {
    return page.evaluate(() => window.moothall.stats());
}

export async function id(page) {
    return (await state(page)).me;
}

/** Waits until the page decodes video and hears sound of `others`, both growing. */
export async function pageReceives(page, others, timeout = 40_000) {
    const before = await stats(page);
    const check = async ([ ids, base ]) => {
        const now = await window.moothall.stats();

        return ids.every(other => now[other]?.framesDecoded > (base[other]?.framesDecoded ?? 0) + 10
            && now[other]?.audioEnergy > (base[other]?.audioEnergy ?? 0));
    };

    try {
        await until(page, check, [ others, before ], timeout);
    } catch (error) {
        throw new Error(`${error.message}\nstats: ${JSON.stringify(await stats(page))}\nstate: ${JSON.stringify(await state(page))}\n`
            + page.lines.slice(-20).join('\n'));
    }
}

/** Waits until the page was shown so many more pictures of the other. */
export async function watches(page, other, pictures, timeout = 60_000) {
    const before = (await stats(page))[other]?.framesDecoded ?? 0;

    await until(page, async ([ who, wanted ]) => (await window.moothall.stats())[who]?.framesDecoded >= wanted, [ other, before + pictures ], timeout);
}

/** Opens the panel of what was recorded in the room. */
export async function openRecordings(page) {
    await page.locator('[data-test=more]').click();
    await page.locator('[data-test=more-recordings]').click();
}

/** Waits until the page encodes its camera with this codec. */
export function pageSends(page, codec, timeout = 40_000) {
    const sends = async wanted => (await window.moothall.stats()).local?.encodings?.some(e => e.active !== false && e.framesEncoded > 0 && e.codec === wanted);

    return until(page, sends, `video/${codec}`, timeout);
}

/** A picture of the page for people to look at. */
export async function shot(page, name, options = {}) {
    mkdirSync(SHOTS, { recursive: true });
    await page.screenshot({ path: path.join(SHOTS, `${name}.png`), ...options });
}

/** Sets the theme of a page and waits until its colours are those of the theme, not between two. */
export async function setTheme(page, theme) {
    await page.evaluate(async value => {
        document.documentElement.dataset.theme = value;
        // Two frames: one lays out, one paints. What is not rendered keeps its transitions for ever.
        await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        await Promise.race([
            Promise.allSettled(document.getAnimations().filter(one => one instanceof CSSTransition && one.effect.target.checkVisibility())
                .map(one => one.finished)),
            new Promise(resolve => setTimeout(resolve, 2000))
        ]);
    }, theme);
}
