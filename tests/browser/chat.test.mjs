// Chat: to one alone, replies, signs, taking back, links, and what was missed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server, openChromium, until } from './harness.mjs';
import { id, joinWithPage, shot, state } from './page.mjs';

let server, browser;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
});

const PATIENCE = 30_000;

function close(pages) {
    return Promise.all(pages.map(page => page.context().close()));
}

async function write(page, text) {
    await page.locator('[data-test=chat-input]').fill(text);
    await page.locator('[data-test=chat-input]').press('Enter');
}

/** The message with this text, as the page shows it. */
function message(page, text) {
    return page.locator('[data-message]').filter({ hasText: text }).last();
}

async function act(page, text, what) {
    await message(page, text).hover();
    await message(page, text).locator('[data-test=message-menu]').click();
    await message(page, text).locator(`[data-test=${what}]`).first().click();
}

test('private messages, replies, signs, taking back, and links', async () => {
    const ada = await joinWithPage(browser, { room: 'talk', name: 'Ada', camera: false });
    const grace = await joinWithPage(browser, { room: 'talk', name: 'Grace', camera: false });
    const mary = await joinWithPage(browser, { room: 'talk', name: 'Mary', camera: false });

    await until(ada, () => window.moothall.state().participants.length === 2, undefined, PATIENCE);
    await until(grace, () => window.moothall.state().participants.length === 2, undefined, PATIENCE);
    await ada.locator('[data-test=chat]').click();
    await write(ada, 'See https://example.org/a?b=1&c=2. <img src=x>');
    await grace.locator('[data-test=chat] .count').filter({ hasText: '1' }).waitFor({ timeout: PATIENCE });
    await grace.locator('[data-test=chat]').click();
    const link = message(grace, 'See').locator('a');

    await link.waitFor({ timeout: PATIENCE });
    assert.equal(await link.getAttribute('href'), 'https://example.org/a?b=1&c=2');
    assert.match(await link.getAttribute('rel'), /noopener/);
    assert.equal(await message(grace, 'See').locator('img').count(), 0);
    assert.equal(await grace.locator('[data-test=chat] .count').isVisible(), false, 'what is read is not counted');

    await act(grace, 'See', 'pick');
    await message(ada, 'See').locator('[data-test=sign]').waitFor({ timeout: PATIENCE });
    await act(grace, 'See', 'reply');
    await write(grace, 'I did.');
    await message(ada, 'I did.').locator('blockquote').filter({ hasText: 'See https://example.org' }).waitFor({ timeout: PATIENCE });

    await ada.locator('[data-test=chat-to]').selectOption(await id(mary));
    await write(ada, 'Between us.');
    await until(mary, () => window.moothall.state().chat === 3, undefined, PATIENCE);
    await mary.locator('[data-test=chat]').click();
    await message(mary, 'Between us.').filter({ hasText: 'Only to you' }).waitFor({ timeout: PATIENCE });
    await ada.locator('[data-test=chat-to]').selectOption('');
    await write(ada, 'A slip.');
    await message(grace, 'A slip.').waitFor({ timeout: PATIENCE });
    assert.equal(await message(grace, 'Between us.').count(), 0, 'who is not meant gets nothing');
    await shot(ada, 'chat-ada');
    await act(ada, 'A slip.', 'retract');
    await message(grace, 'This message was taken back.').waitFor({ timeout: PATIENCE });
    assert.equal(await message(grace, 'A slip.').count(), 0);
    await shot(grace, 'chat-grace');
    assert.equal((await state(grace)).chat, 3);
    await close([ ada, grace, mary ]);
});

test('who comes later reads what was written before, by whom, and not what was for others', async () => {
    const ada = await joinWithPage(browser, { room: 'before', name: 'Ada', camera: false });
    const grace = await joinWithPage(browser, { room: 'before', name: 'Grace', camera: false });

    await until(grace, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await ada.locator('[data-test=chat]').click();
    await grace.locator('[data-test=chat]').click();
    await write(grace, 'I have to go soon.');
    await message(ada, 'I have to go soon.').waitFor({ timeout: PATIENCE });
    await act(ada, 'I have to go soon.', 'pick');
    await write(ada, 'A slip.');
    await message(grace, 'A slip.').waitFor({ timeout: PATIENCE });
    await act(ada, 'A slip.', 'retract');
    await message(grace, 'This message was taken back.').waitFor({ timeout: PATIENCE });
    await ada.locator('[data-test=chat-to]').selectOption(await id(grace));
    await write(ada, 'Between us.');
    await message(grace, 'Between us.').waitFor({ timeout: PATIENCE });
    await grace.context().close();
    await until(ada, () => window.moothall.state().participants.length === 0, undefined, PATIENCE);

    const mary = await joinWithPage(browser, { room: 'before', name: 'Mary', camera: false });

    await until(mary, () => window.moothall.state().chat === 1, undefined, PATIENCE);
    await mary.locator('[data-test=chat]').click();
    await message(mary, 'I have to go soon.').filter({ hasText: 'Grace' }).locator('[data-test=sign]').waitFor({ timeout: PATIENCE });
    assert.deepEqual([ await message(mary, 'A slip.').count(), await message(mary, 'Between us.').count() ], [ 0, 0 ]);
    await ada.locator('[data-test=chat-to]').selectOption('');
    await write(ada, 'Welcome.');
    await message(mary, 'Welcome.').waitFor({ timeout: PATIENCE });
    assert.equal(await mary.locator('[data-message]').count(), 2, 'each once, the old one first');
    await close([ ada, mary ]);
});
