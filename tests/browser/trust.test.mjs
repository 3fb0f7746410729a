// The box's own authority: who installs its certificate gets no warning, and its key opens nothing else. The page that gives it away.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Server, openChromium, tab } from './harness.mjs';
import { shot } from './page.mjs';

const PATIENCE = 30_000;
const BOX = 'https://192.0.2.2:8443';
const PLAIN = 'http://192.0.2.2:8443';
const STRICT = { ignoreHTTPSErrors: false };
const NAMES = '--host-resolver-rules=MAP *.local 127.0.0.1, MAP *.example 127.0.0.1';

let server, work, trusting, strange;

/** A file that the box gives to devices, over plain HTTP. */
function download(name) {
    return new Promise((resolve, reject) => {
        http.get(`${PLAIN}/trust/${name}`, { agent: false }, response => {
            const parts = [];

            response.on('data', part => parts.push(part));
            response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }));
        }).on('error', reject);
    });
}

/** How a browser is started that trusts these authorities and no others. */
function strict(name, authorities) {
    const dir = path.join(work, name);
    const list = path.join(dir, '.pki/nssdb');

    mkdirSync(list, { recursive: true });
    execFileSync('certutil', [ '-d', `sql:${list}`, '-N', '--empty-password' ]);
    for (const file of authorities) {
        execFileSync('certutil', [ '-d', `sql:${list}`, '-A', '-t', 'C,,', '-n', path.basename(file), '-i', file ]);
    }

    return { env: { ...process.env, HOME: dir }, ignoreDefaultArgs: [ '--ignore-certificate-errors' ] };
}

before(async () => {
    work = mkdtempSync(path.join(tmpdir(), 'moothall-trust-'));
    server = await Server.start();
    writeFileSync(path.join(work, 'box.crt'), (await download('moothall.crt')).body);
    writeFileSync(path.join(work, 'box.pem'), (await download('moothall.pem')).body);
    trusting = await openChromium([ NAMES ], strict('trusting', [ path.join(work, 'box.crt') ]));
    strange = await openChromium([ NAMES ], strict('strange', []));
});
after(async () => {
    await strange?.close();
    await trusting?.close();
    await server?.stop();
    rmSync(work, { recursive: true, force: true });
});

test('a browser that trusts the authority opens the box without a warning, by name and by address, and gets its camera', async () => {
    for (const origin of [ BOX, 'https://[fd00::2]:8443', `https://${hostname().split('.')[0].toLowerCase()}.local:8443` ]) {
        const page = await tab(trusting, STRICT);

        await page.goto(`${origin}/trusted`);
        assert.ok(await page.evaluate(() => window.isSecureContext), origin);
        const tracks = await page.evaluate(async () => (await navigator.mediaDevices.getUserMedia({ video: true, audio: true })).getTracks().length);

        assert.equal(tracks, 2, origin);
        await page.context().close();
    }
});

test('a browser that does not know it is warned', async () => {
    const page = await tab(strange, STRICT);

    await assert.rejects(page.goto(BOX), /ERR_CERT_AUTHORITY_INVALID/);
    await page.context().close();
});

test('who steals the key of the authority can pretend to be nothing on the internet', async () => {
    const key = path.join(server.state, 'authority.pem');
    const file = name => path.join(work, name);
    const openssl = args => execFileSync('openssl', args, { stdio: 'pipe' });

    for (const [ names, host, fits ] of [ [ 'DNS:other.local', 'other.local', true ], [ 'DNS:bank.example', 'bank.example', false ] ]) {
        writeFileSync(file('names'), `subjectAltName=critical,${names}\nextendedKeyUsage=serverAuth\n`);
        openssl([ 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=x', '-keyout', file('f.key'), '-out', file('f.csr') ]);
        openssl([ 'x509', '-req', '-in', file('f.csr'), '-CA', key, '-CAkey', key, '-days', '9', '-extfile', file('names'), '-out', file('f.pem') ]);
        const forger = https.createServer({ key: readFileSync(file('f.key')), cert: readFileSync(file('f.pem')) }, (_, answer) => answer.end('forged'));

        await new Promise(resolve => forger.listen(0, '127.0.0.1', resolve));
        const { port } = forger.address();
        const url = `https://${host}:${port}/`;
        const page = await tab(trusting, STRICT);
        const visit = page.goto(url);

        await (fits ? visit : assert.rejects(visit, /ERR_CERT_INVALID/));
        // Not waited for in place: this process has to answer.
        const curl = spawn('curl', [ '-s', '--cacert', file('box.pem'), '--resolve', `${host}:${port}:127.0.0.1`, url ]);
        const code = await new Promise(resolve => curl.on('exit', resolve));

        assert.equal(code, fits ? 0 : 60, `curl and ${host}`);
        await page.context().close();
        forger.closeAllConnections();
        forger.close();
    }
});

test('curl takes the certificate that the box gives away', () => {
    const { status } = spawnSync('curl', [ '-sf', '--cacert', path.join(work, 'box.pem'), '-o', '/dev/null', `${BOX}/about/health` ]);

    assert.equal(status, 0);
});

test('every form is the same certificate, and its fingerprint is the one that the box printed', async () => {
    const { headers, body } = await download('moothall.crt');
    const certificate = new X509Certificate(body);

    assert.equal(headers['content-type'], 'application/x-x509-ca-cert');
    assert.ok(certificate.ca);
    assert.equal(new X509Certificate((await download('moothall.pem')).body).fingerprint256, certificate.fingerprint256);
    const profile = await download('moothall.mobileconfig');

    assert.equal(profile.headers['content-type'], 'application/x-apple-aspen-config');
    const at = server.log.findIndex(line => line.includes('fingerprint'));
    const printed = server.log.slice(at + 2, at + 4).join(' ').trim().split(/\s+/);

    assert.equal(printed.join(''), certificate.fingerprint256.replaceAll(':', ''));
    const page = await tab(strange, STRICT);

    await page.goto(`${PLAIN}/trust`);
    const payloads = await page.evaluate(xml => [ ...new DOMParser().parseFromString(xml, 'text/xml').querySelectorAll('plist data') ]
        .map(({ textContent }) => textContent), profile.body.toString());

    assert.deepEqual(payloads, [ body.toString('base64') ]);
    assert.deepEqual(await page.locator('.print span').allTextContents(), printed);
    await page.context().close();
});

test('the page of the certificate opens without a warning, in the visitor\'s language, on phones and desktops', async () => {
    const phone = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
    const iPhone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1';

    for (const [ name, options, title, open ] of [
        [ 'phone', { ...phone, userAgent: iPhone, locale: 'de-DE', colorScheme: 'light' }, 'Dieses Gerät soll der Box vertrauen', 'ios' ],
        [ 'phone-dark', { ...phone, locale: 'es-MX', colorScheme: 'dark' }, 'Haz que este dispositivo confíe en la caja', 'linux' ],
        [ 'desktop', { viewport: { width: 1280, height: 800 }, locale: 'fr-FR', colorScheme: 'light' }, 'Make this device trust the box', 'linux' ],
        [ 'desktop-dark', { viewport: { width: 1280, height: 800 }, locale: 'en-GB', colorScheme: 'dark' }, 'Make this device trust the box', 'linux' ]
    ]) {
        const page = await tab(strange, { ...STRICT, ...options });

        await page.goto(`${PLAIN}/trust`);
        assert.equal(await page.locator('h1').textContent(), title);
        assert.deepEqual(await page.locator('details[open]').evaluateAll(all => all.map(({ id }) => id)), [ open ]);
        assert.ok(await page.locator('svg.qr').isVisible());
        assert.equal(await page.locator('.scan .mono').textContent(), `${PLAIN}/trust`);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${name} is as wide as its screen`);
        assert.deepEqual(page.lines, []);
        await shot(page, `trust-${name}`, { fullPage: true });
        await page.context().close();
    }
    const page = await tab(strange, STRICT);

    await page.goto(`${PLAIN}/trust`);
    await page.getByRole('link', { name: 'Deutsch' }).click();
    await page.getByRole('heading', { name: 'Erst vergleichen' }).waitFor({ timeout: PATIENCE });
    await page.context().close();
});

test('the front page leads there', async () => {
    const page = await tab(trusting, { ...STRICT, viewport: { width: 360, height: 740 } });

    await page.goto(BOX);
    await page.locator('[data-test=trust]').waitFor({ timeout: PATIENCE });
    await shot(page, 'trust-landing-phone');
    await page.locator('[data-test=trust]').click();
    await page.locator('.print').waitFor({ timeout: PATIENCE });
    await page.context().close();
});

test('an insecure address says why there is no camera, and leads to the secure one', async () => {
    const site = path.join(work, 'plain.toml');

    writeFileSync(site, '[network]\nport = 8081\nmedia_port = 10001\naddresses = ["127.0.0.1"]\n[tls]\nbehind_proxy = ["127.0.0.1"]\n');
    const plain = await Server.start({ config: site });

    try {
        const page = await tab(strange, { ...STRICT, viewport: { width: 360, height: 740 }, colorScheme: 'light' });
        const asked = [];

        page.on('request', request => asked.push(request.url()));
        await page.goto('http://hall.example:8081/?x=1');
        await page.getByText('This address cannot use your camera').waitFor({ timeout: PATIENCE });
        assert.ok(await page.getByText('You came by http://hall.example:8081').isVisible());
        assert.equal(await page.locator('[data-test=trust]').count(), 0);
        await shot(page, 'landing-insecure-phone');
        await page.getByRole('button', { name: 'Open the secure address' }).click();
        const end = Date.now() + PATIENCE;

        while (!asked.includes('https://hall.example/?x=1')) {
            assert.ok(Date.now() < end, asked.join(' '));
            await new Promise(resolve => setTimeout(resolve, 100));
        }
        await page.context().close();
    } finally {
        await plain.stop();
    }
});
