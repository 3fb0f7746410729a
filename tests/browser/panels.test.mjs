// What people do together, looked at: every panel and dialog at three widths, dark and light, with what axe-core finds on it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Server, openChromium, until } from './harness.mjs';
import { id, joinWithPage, shot } from './page.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = [ 'wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa' ];
const SIZES = [ [ 360, 740 ], [ 1024, 768 ], [ 1440, 900 ] ];
const PATIENCE = 30_000;

let server, browser;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
});

/** Takes pictures of what is shown; fails with what axe holds to be serious, and with what sticks out of the window. */
async function look(page, name) {
    for (const theme of [ 'dark', 'light' ]) {
        await page.evaluate(value => document.documentElement.dataset.theme = value, theme);
        for (const [ width, height ] of SIZES) {
            await page.setViewportSize({ width, height });
            await shot(page, `together-${name}-${theme}-${width}`);
            assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `${name} is too wide for ${width}`);
        }
        const found = await page.evaluate(async rules => {
            const { passes, violations } = await window.axe.run(document, { runOnly: { type: 'tag', values: rules } });

            return passes.length === 0 ? [ 'axe checked nothing' ] : violations.filter(({ impact }) => [ 'serious', 'critical' ].includes(impact))
                .map(({ id: rule, nodes }) => `${rule}: ${nodes.map(node => `${node.html} ${node.failureSummary}`).join(' | ')}`);
        }, RULES);

        assert.deepEqual(found, [], `${name}, ${theme}`);
    }
}

function more(page, sign) {
    return page.locator('[data-test=more]').click().then(() => page.locator(`[data-test=more-${sign}]`).click());
}

test('panels and dialogs hold at every width, dark and light', async () => {
    const options = { reducedMotion: 'reduce', viewport: { width: 1024, height: 768 } };
    const ada = await joinWithPage(browser, { room: 'together', name: 'Ada Lovelace', camera: false, options });
    const grace = await joinWithPage(browser, { room: 'together', name: 'Grace Brewster Murray Hopper', camera: false });

    await ada.evaluate(AXE);
    await until(ada, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await grace.locator('[data-test=hand]').click();
    await ada.locator('[data-test=people]').click();
    await ada.locator('[aria-label="Hand up, number 1"]').first().waitFor({ timeout: PATIENCE });
    await ada.locator(`[data-person="${await id(grace)}"] [data-test=menu-person]`).click();
    await look(ada, 'people');
    await ada.locator('[data-test=people-panel] [data-test=remove]').click();
    await look(ada, 'remove');
    await ada.keyboard.press('Escape');
    await ada.setViewportSize({ width: 1024, height: 768 });
    await grace.locator('[data-test=chat]').click();
    for (const text of [ 'Shall we begin?', 'See https://example.org/a-very-long-address/that-does-not-end/and-goes-on?for=ever' ]) {
        await grace.locator('[data-test=chat-input]').fill(text);
        await grace.locator('[data-test=chat-input]').press('Enter');
    }
    await ada.locator('[data-test=chat]').click();
    await ada.locator('[data-message]').nth(1).hover();
    await ada.locator('[data-test=message-menu]').nth(1).click();
    await look(ada, 'chat');
    await ada.keyboard.press('Escape');
    await ada.setViewportSize({ width: 1024, height: 768 });
    await more(ada, 'lock');
    await look(ada, 'door');
    await ada.keyboard.press('Escape');
    await ada.setViewportSize({ width: 1024, height: 768 });
    await ada.locator('[data-test=react]').click();
    await look(ada, 'react');
    await ada.keyboard.press('Escape');
    await ada.locator('[data-test=leave]').click();
    await look(ada, 'leave');
    await ada.locator('[data-test=leave-yes]').click();
    await until(ada, () => window.moothall.state().phase === 'left', undefined, PATIENCE);
    await look(ada, 'goodbye');
    await Promise.all([ ada, grace ].map(page => page.context().close()));
});
