// Several threads forward audio and video behind one port; each meeting lives on one of them, and nobody notices which.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, joinWithLibrary, libraryReceives, me, openChromium } from './harness.mjs';
import { id, joinWithPage, pageReceives } from './page.mjs';

let server, browser, libraryPage, folder;

before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'moothall-site-'));
    const config = path.join(folder, 'site.toml');

    writeFileSync(config, '[bridge]\nworkers = 2\n');
    server = await Server.start({ config });
    [ browser, libraryPage ] = [ await openChromium(), await LibraryPage.start() ];
});
after(async () => {
    await browser?.close();
    libraryPage?.stop();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
});

test('two meetings at once, each on a thread of its own', async () => {
    const rooms = [ 'left', 'right' ];
    const pages = [];

    for (const room of rooms) {
        const page = await joinWithPage(browser, { room, name: 'Ada' });
        const other = await joinWithLibrary(browser, libraryPage, { room });

        pages.push([ page, other ]);
    }
    for (const [ page, other ] of pages) {
        await pageReceives(page, [ await me(other) ]);
        await libraryReceives(other, [ await id(page) ]);
    }
    const { conferences } = await (await fetch('http://127.0.0.1:8080/debug')).json();

    assert.deepEqual(Object.keys(conferences).map(name => name[0]).sort(), [ 'a', 'b' ], 'names say where they live');
    const { participants } = await (await fetch('http://127.0.0.1:8080/colibri/stats')).json();

    assert.equal(participants, 4);
    await Promise.all(pages.flat().map(page => page.context().close()));
});
