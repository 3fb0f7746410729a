// Builds the page into dist/: one script, one style sheet, one document, each also compressed with gzip so that the
// server never compresses anything itself. `--tests` bundles test/*.test.ts into .tests/ for node's test runner.
import { build } from 'esbuild';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { constants, gzipSync } from 'node:zlib';

const here = new URL('./', import.meta.url);
const path = (name) => new URL(name, here).pathname;

/** What the whole page may weigh on the wire: it must open at once on a phone on a weak network. */
const BUDGET = 250 * 1024;
/** The same for the page on which a box is set up. */
const SETUP_BUDGET = 40 * 1024;
/** And for the pages on which recordings are found and played. */
const RECORDINGS_BUDGET = 40 * 1024;
const SCRIPTS = ['chrome109', 'firefox115', 'safari16.4'];
const STYLES = ['chrome111', 'firefox115', 'safari16.4'];

const languages = await readLanguages();
const define = { LANGUAGES: JSON.stringify(Object.fromEntries([...languages].map(([tag, { name }]) => [tag, name]))) };

if (process.argv.includes('--tests')) await bundleTests();
else await buildPage();

/** Every language but English, which is in the script: a file each, fetched by those who speak it. */
async function readLanguages() {
  const names = (await readdir(path('src/i18n/languages'))).filter((name) => name.endsWith('.ts') && name !== 'en.ts').sort();
  return new Map(await Promise.all(names.map(async (name) => {
    const { outputFiles: [module] } = await build({ entryPoints: [path(`src/i18n/languages/${name}`)], bundle: true, write: false, format: 'esm', charset: 'utf8' });
    return [name.slice(0, -3), (await import(`data:text/javascript;base64,${Buffer.from(module.contents).toString('base64')}`)).default];
  })));
}

async function bundleTests() {
  await rm(path('.tests'), { recursive: true, force: true });
  const names = (await readdir(path('test'))).filter((name) => name.endsWith('.test.ts'));
  await build({
    entryPoints: names.map((name) => path(`test/${name}`)),
    outdir: path('.tests'), outExtension: { '.js': '.mjs' },
    bundle: true, platform: 'node', format: 'esm', target: 'node18', packages: 'external', define, sourcemap: 'inline', logLevel: 'warning',
  });
}

async function buildPage() {
  await rm(path('dist'), { recursive: true, force: true });
  await mkdir(path('dist/lang'), { recursive: true });
  const bundled = await build({
    entryPoints: { app: path('src/main.ts'), external_api: path('src/embed/external_api.ts') },
    outdir: path('dist'), bundle: true, minify: true, write: false, define,
    format: 'iife', target: SCRIPTS, charset: 'utf8', legalComments: 'none', logLevel: 'warning',
  });
  const styles = await build({
    entryPoints: { app: path('src/app.css') },
    outdir: path('dist'), bundle: true, minify: true, write: false, target: STYLES, charset: 'utf8',
    logLevel: 'warning',
  });
  const files = new Map();
  for (const file of [...bundled.outputFiles, ...styles.outputFiles]) files.set(file.path.split('/').pop(), file.text);
  const script = files.get('app.js') ?? '';
  files.set('index.html', await page('src/index.html', script));
  for (const name of ['icon.svg', 'manifest.webmanifest']) files.set(name, await readFile(path(`src/${name}`), 'utf8'));
  for (const [tag, language] of languages) files.set(`lang/${tag}.json`, JSON.stringify(language));
  await write(files, BUDGET);
  await mkdir(path('dist/setup'), { recursive: true });
  await write(await setupPage(), SETUP_BUDGET);
  await mkdir(path('dist/recordings'), { recursive: true });
  await write(await recordingsPage(), RECORDINGS_BUDGET);
}

/** The page on which a box is set up: of the appliance, made of the same parts. */
function setupPage() {
  return ownPage('setup', '../../appliance/web/src');
}

/** The player, and the administrator's list. */
function recordingsPage() {
  return ownPage('recordings', 'src/recordings');
}

/** A page beside that of the meetings: `main.ts`, `NAME.css` and `index.html` of a folder. */
async function ownPage(name, folder) {
  const options = { outdir: path(`dist/${name}`), bundle: true, minify: true, write: false, define, charset: 'utf8', logLevel: 'warning' };
  const { outputFiles: [script] } = await build({ ...options, entryPoints: { [name]: path(`${folder}/main.ts`) }, format: 'iife', target: SCRIPTS, legalComments: 'none' });
  const { outputFiles: [style] } = await build({ ...options, entryPoints: { [name]: path(`${folder}/${name}.css`) }, target: STYLES });
  return new Map([[`${name}/${name}.js`, script.text], [`${name}/${name}.css`, style.text], [`${name}/index.html`, await page(`${folder}/index.html`, script.text)]]);
}

async function write(files, budget) {
  let total = 0;
  for (const [name, text] of [...files].sort()) {
    const packed = gzipSync(Buffer.from(text), { level: constants.Z_BEST_COMPRESSION });
    total += packed.length;
    await writeFile(path(`dist/${name}`), text);
    await writeFile(path(`dist/${name}.gz`), packed);
    console.log(`${name.padEnd(22)} ${String(Buffer.byteLength(text)).padStart(8)} bytes, ${String(packed.length).padStart(7)} compressed`);
  }
  console.log(`together ${(total / 1024).toFixed(1)} KiB compressed`);
  if (total > budget) throw new Error(`the page is larger than its budget of ${budget} compressed bytes`);
}

/** The document with the icons that the script or the document itself names, and no others. */
async function page(source, script) {
  const document = (await readFile(path(source), 'utf8')).replace(/\n\s*/g, '\n');
  const sprite = await readFile(path('src/icons.svg'), 'utf8');
  const used = [...sprite.matchAll(/<symbol id="([^"]+)".*?<\/symbol>/g)]
    .filter(([, id]) => script.includes(`"${id}"`) || document.includes(`#${id}"`))
    .map(([symbol]) => symbol);
  return document.replace('<!-- icons -->', used.join('\n'));
}
