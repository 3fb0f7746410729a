// What every browser test needs: a server of its own, a browser, a page around an unmodified client library.
// All of it runs inside one network namespace (../netns): nothing listens where another machine could reach it.
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.resolve(HERE, '../..');
const BINARY = process.env.MOOTHALL_BIN ?? path.join(ROOT, 'target/debug/moothall');
const LIBRARY = process.env.LIB_JITSI_MEET ?? path.join(ROOT, 'work/lib-jitsi-meet/package/lib-jitsi-meet.min.js');

/** A built page to serve in place of the one in the binary, so that a change of the page needs no build of the box. */
const WEB_ROOT = process.env.MOOTHALL_WEB_ROOT;

export const SHOTS = process.env.SHOTS ?? path.join(ROOT, 'target/screenshots');

/** Rejects when `promise` takes longer than `ms`. */
export function within(ms, what, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
    });

    return Promise.race([ promise, late ]).finally(() => clearTimeout(timer));
}

/**
 * Waits until `check` holds in the page. Unlike `waitForFunction` it waits for what an asynchronous `check` resolves to; there
 * the promise itself counts as true.
 */
export async function until(page, check, argument, timeout) {
    const end = Date.now() + timeout;

    while (!await page.evaluate(check, argument)) {
        if (Date.now() > end) {
            throw new Error(`not within ${timeout} ms`);
        }
        await new Promise(resolve => setTimeout(resolve, 250));
    }
}

/** A running `moothall host` with a state directory of its own; `before` is a command that ends by becoming the one after it. */
export class Server {
    static async start({ config, args = [], env = {}, before = [] } = {}) {
        const server = new Server();

        server.state = mkdtempSync(path.join(tmpdir(), 'moothall-state-'));
        const more = config ?? WEB_ROOT ? [ '--config', config ?? server.siteWithPage() ] : [];

        if (config && WEB_ROOT) {
            more.push('--web-root', WEB_ROOT);
        }

        const [ command, ...rest ] = [ ...before, BINARY, 'host', '--state-dir', server.state, ...more, ...args ];

        server.child = spawn(command, rest, {
            stdio: [ 'ignore', 'pipe', 'pipe' ],
            env: { ...process.env, ...env }
        });
        server.log = [];
        server.lines = new EventEmitter();
        const keep = line => {
            server.log.push(line);
            server.lines.emit('line', line);
            if (process.env.VERBOSE) {
                console.error(`server: ${line}`);
            }
        };

        createInterface({ input: server.child.stderr }).on('line', keep);
        const out = createInterface({ input: server.child.stdout });

        out.on('line', keep);
        server.exited = once(server.child, 'exit');
        const ready = new Promise((resolve, reject) => {
            out.on('line', line => /https?:\/\//.test(line) && resolve());
            server.exited.then(([ code ]) => reject(new Error(`server ended with ${code}:\n${server.log.join('\n')}`)));
        });

        await within(20_000, 'server is ready', ready);

        return server;
    }

    /** Resolves to the first line of the log, said already or yet to come, that `pattern` fits. */
    async says(pattern, ms) {
        return this.log.find(line => pattern.test(line))
            ?? within(ms, `the log says ${pattern}`, new Promise(resolve => {
                this.lines.on('line', line => pattern.test(line) && resolve(line));
            }));
    }

    siteWithPage() {
        const site = path.join(this.state, 'site.toml');

        writeFileSync(site, `[signal]\nweb_root = ${JSON.stringify(path.resolve(WEB_ROOT))}\n`);

        return site;
    }

    get url() {
        return 'https://127.0.0.1:8443';
    }

    get(where, host = '127.0.0.1') {
        return new Promise((resolve, reject) => {
            https.get({ host, port: 8443, path: where, rejectUnauthorized: false, agent: false }, response => {
                let body = '';

                response.setEncoding('utf8');
                response.on('data', part => body += part);
                response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
            }).on('error', reject);
        });
    }

    memory() {
        const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');

        return Number(/VmRSS:\s+(\d+)/.exec(status)[1]);
    }

    async stop() {
        this.child.kill('SIGTERM');
        try {
            await within(5000, 'server ends after SIGTERM', this.exited);
        } finally {
            this.child.kill('SIGKILL');
            rmSync(this.state, { recursive: true, force: true });
        }
    }
}

/** Chromium with a made-up camera and microphone; `launch` is told to Playwright. */
export function openChromium(more = [], launch = {}) {
    return chromium.launch({
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        ...launch,
        args: [
            '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
            '--disable-component-update', '--disable-sync', '--ignore-certificate-errors',
            '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream=fps=15',
            '--autoplay-policy=no-user-gesture-required', '--disable-features=WebRtcHideLocalIpsWithMdns', ...more
        ]
    });
}

/** Firefox with a made-up camera and microphone: Debian's own, which speaks WebDriver BiDi and not Playwright's protocol. */
export async function openFirefox() {
    const browser = await puppeteer.launch({
        browser: 'firefox',
        executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
        headless: true,
        acceptInsecureCerts: true,
        extraPrefsFirefox: {
            'media.navigator.streams.fake': true,
            'media.navigator.permission.disabled': true,
            'media.autoplay.default': 0,
            'media.peerconnection.ice.loopback': true,
            'media.peerconnection.ice.obfuscate_host_addresses': false
        }
    });

    return {
        close: () => browser.close(),
        newContext: async () => {
            const context = await browser.createBrowserContext();

            return { newPage: async () => new FirefoxPage(await context.newPage(), context) };
        }
    };
}

/** As much of Playwright's page as the tests use, over Puppeteer's. */
class FirefoxPage {
    constructor(page, context) {
        this.page = page;
        this.owner = context;
    }

    context() {
        return this.owner;
    }

    on(event, handler) {
        this.page.on(event, handler);
    }

    goto(url) {
        return this.page.goto(url);
    }

    evaluate(...args) {
        return this.page.evaluate(...args);
    }

    waitForFunction(check, argument, options) {
        // Puppeteer's own compiles the check in the page, which our Content-Security-Policy forbids.
        return until(this, check, argument, options.timeout);
    }

    /** Puppeteer's own locators wait for animation frames, which older Firefox without a screen does not give. */
    locator(selector) {
        const element = () => this.page.waitForSelector(selector, { visible: true });

        return {
            fill: async text => (await element()).type(text),
            click: async () => (await element()).click()
        };
    }

    screenshot(options) {
        return this.page.screenshot(options);
    }
}

/** Serves the page around the client library on loopback, which browsers take for a secure origin. */
export class LibraryPage {
    static async start(library = LIBRARY) {
        const files = {
            '/': [ path.join(HERE, 'lib-jitsi-meet.html'), 'text/html' ],
            '/lib-jitsi-meet.page.js': [ path.join(HERE, 'lib-jitsi-meet.page.js'), 'text/javascript' ],
            '/lib-jitsi-meet.js': [ library, 'text/javascript' ],
            '/jquery.js': [ path.join(HERE, 'node_modules/jquery/dist/jquery.min.js'), 'text/javascript' ]
        };
        const page = new LibraryPage();

        page.http = http.createServer((request, response) => {
            const url = new URL(request.url, 'http://127.0.0.1');

            if (url.pathname === '/config') {
                https.get(`${url.searchParams.get('server')}/config.js`, { rejectUnauthorized: false }, answer => answer.pipe(response));

                return;
            }
            const file = files[url.pathname];

            if (!file) {
                response.writeHead(404).end();

                return;
            }
            response.writeHead(200, { 'content-type': file[1] }).end(readFileSync(file[0]));
        });
        page.http.listen(0, '127.0.0.1');
        await once(page.http, 'listening');

        return page;
    }

    url(query) {
        const more = new URLSearchParams({ server: 'https://127.0.0.1:8443', ...query });

        return `http://127.0.0.1:${this.http.address().port}/?${more}`;
    }

    stop() {
        this.http.close();
        this.http.closeAllConnections();
    }
}

/** A new page of its own context; what it logs is kept. */
export async function tab(browser, options = {}) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
    const page = await context.newPage();

    page.lines = [];
    page.on('console', message => {
        page.lines.push(message.text());
        if (process.env.VERBOSE) {
            console.error(`page: ${message.text()}`);
        }
    });
    page.on('pageerror', error => page.lines.push(`error: ${error.message}`));

    return page;
}

/** Opens the page around the client library, which asks to come in. */
export async function openLibrary(browser, libraryPage, query) {
    const page = await tab(browser);

    await page.goto(libraryPage.url(query));

    return page;
}

/** Waits until the library has told the page of `what`, for the `times`-th time; resolves to what it said. */
export async function happens(page, what, times = 1, timeout = 30_000) {
    const nth = ([ name, number ]) => window.meeting?.events.filter(e => e.what === name)[number - 1];

    try {
        await until(page, nth, [ what, times ], timeout);
    } catch (error) {
        throw new Error(`${what}: ${error.message}: ${JSON.stringify(await page.evaluate(() => window.meeting?.events))}`);
    }

    return (await page.evaluate(nth, [ what, times ])).detail;
}

/** Joins a room with the client library; resolves when it has joined. */
export async function joinWithLibrary(browser, libraryPage, query) {
    const page = await openLibrary(browser, libraryPage, query);

    await page.waitForFunction(() => [ 'joined', 'failed' ].includes(window.meeting?.phase), undefined, { timeout: 30_000 });
    const phase = await page.evaluate(() => window.meeting.phase);

    if (phase !== 'joined') {
        throw new Error(`the library did not join: ${JSON.stringify(await page.evaluate(() => window.meeting.events))}`);
    }

    return page;
}

/** Waits until the library's page decodes video and hears sound of `others` (endpoint ids), both growing. */
export async function libraryReceives(page, others, timeout = 40_000) {
    const state = async () => page.evaluate(() => window.meeting.media());
    const baseline = await state();
    const check = async ([ ids, before ]) => {
        const now = await window.meeting.media();

        return ids.every(id => {
            const video = now[`${id}/video`];
            const audio = now[`${id}/audio`];

            return video?.frames > (before[`${id}/video`]?.frames ?? 0) + 10
                && audio?.energy > (before[`${id}/audio`]?.energy ?? 0);
        });
    };

    try {
        await until(page, check, [ others, baseline ], timeout);
    } catch (error) {
        const events = await page.evaluate(() => window.meeting.events);

        throw new Error(`${error.message}\nmedia: ${JSON.stringify(await state())}\nevents: ${JSON.stringify(events)}\n`
            + `console: ${page.lines.slice(-15).join('\n')}`);
    }
}

export function me(page) {
    return page.evaluate(() => window.meeting.me);
}
