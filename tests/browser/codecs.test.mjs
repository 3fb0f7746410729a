// Which codec the page sends: the first of the configured order that everybody can show, and what it says when the room falls back.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Server, openChromium, openFirefox } from './harness.mjs';
import { id, joinWithPage, pageReceives, pageSends } from './page.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'moothall-codecs-'));
let server, browser, firefox;

before(async () => {
    const config = path.join(folder, 'site.toml');

    writeFileSync(config, '[signal]\ncodecs = "hardware-friendly"\n');
    server = await Server.start({ config });
    browser = await openChromium();
    // Debian's has no H.264: it would fetch that from elsewhere.
    firefox = await openFirefox();
});
after(async () => {
    await firefox?.close();
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
});

test('a hardware-friendly room sends H.264, and VP8 while somebody is there who cannot show it', async () => {
    const pages = [
        await joinWithPage(browser, { room: 'codecs', name: 'Ada' }),
        await joinWithPage(browser, { room: 'codecs', name: 'Grace' })
    ];
    const [ ada, grace ] = await Promise.all(pages.map(id));

    await pageSends(pages[0], 'H264');
    await pageReceives(pages[1], [ ada ]);
    const fox = await joinWithPage(firefox, { room: 'codecs', name: 'Fox' });

    await pages[0].getByText('Fox’s browser cannot use the room’s usual video format.').first().waitFor({ timeout: 40_000 });
    await pageSends(pages[0], 'VP8');
    await pageReceives(fox, [ ada, grace ], 60_000);
    await fox.context().close();
    await pageSends(pages[0], 'H264');
    await pageReceives(pages[1], [ ada ]);
    await Promise.all(pages.map(page => page.context().close()));
});
