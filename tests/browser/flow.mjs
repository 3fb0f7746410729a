// When pictures of others come in, and when they do not.
import { until } from './harness.mjs';
import { state } from './page.mjs';

/** Watches, in the page, when pictures of others come in; gaps and their ends are kept. */
export function watch(page) {
    return page.evaluate(() => {
        const flow = window.flow = { last: performance.now(), frames: 0, longest: 0 };

        flow.timer = setInterval(async () => {
            const all = Object.entries(await window.moothall.stats()).filter(([ who ]) => who !== 'local');
            const frames = all.reduce((sum, [ , one ]) => sum + (one.framesDecoded ?? 0), 0);
            const now = performance.now();

            if (frames > flow.frames || (frames > 0 && frames < flow.frames)) {
                flow.longest = Math.max(flow.longest, now - flow.last);
                flow.last = now;
            }
            flow.frames = frames;
        }, 50);
    });
}

/** The longest gap in the pictures, in milliseconds. */
export function gap(page) {
    return page.evaluate(() => Math.round(Math.max(window.flow.longest, performance.now() - window.flow.last)));
}

/** Milliseconds from now until both see the other again. */
export async function flowsAgain(pages, since = Date.now()) {
    const marks = await Promise.all(pages.map(page => page.evaluate(() => performance.now())));

    for (const [ index, page ] of pages.entries()) {
        try {
            await until(page, mark => window.flow.last > mark, marks[index], 60_000);
        } catch (error) {
            throw new Error(`${error.message}\n${JSON.stringify(await state(page))}\n${page.lines.slice(-20).join('\n')}`);
        }
    }

    return Date.now() - since;
}
