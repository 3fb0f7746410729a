// Takes the README's picture of a meeting, signal/web/meeting.png: ../netns node picture.mjs. The people are drawn; the meeting is real.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Server, openChromium, tab, until } from './harness.mjs';

const TARGET = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../signal/web/meeting.png');
const PEOPLE = [
    { name: 'Nora Klein', wall: [ '#84978a', '#4a6158' ], skin: '#cf9f7c', hair: '#45291d', coat: '#2f4a5c', long: 120 },
    { name: 'Amira Haddad', wall: [ '#7f958e', '#465f5a' ], skin: '#b8805a', hair: '#2c4259', coat: '#35546f', long: 300, talks: true },
    { name: 'Jonas Weber', wall: [ '#a59779', '#6b5b4b' ], skin: '#d6a883', hair: '#7d5128', coat: '#2e3b35', long: 20 },
    { name: 'Priya Raman', wall: [ '#62788f', '#354659' ], skin: '#99663f', hair: '#1c1512', coat: '#823746', long: 200 }
];

/** Gives the page a camera that shows a drawn person, and a microphone that is silent or hums. */
function drawn(person) {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 });
    const pen = canvas.getContext('2d');
    const oval = (x, y, rx, ry) => {
        pen.beginPath();
        pen.ellipse(x, y, rx, ry, 0, 0, 7);
        pen.fill();
    };
    let step = 0;
    const draw = () => {
        const x = 640 + 5 * Math.sin(step++ / 9);
        const wall = pen.createLinearGradient(0, 0, 1280, 720);

        wall.addColorStop(0, person.wall[0]);
        wall.addColorStop(1, person.wall[1]);
        pen.fillStyle = wall;
        pen.fillRect(0, 0, 1280, 720);
        pen.fillStyle = person.hair;
        oval(x, 290, 138, 170);
        pen.fillRect(x - 138, 290, 276, person.long);
        pen.fillStyle = person.coat;
        oval(x, 760, 340, 270);
        pen.fillStyle = person.skin;
        pen.fillRect(x - 52, 400, 104, 110);
        oval(x, 508, 52, 34);
        oval(x, 320, 100, 136);
        pen.fillStyle = person.hair;
        oval(x, 205, 104, 56);
    };

    setInterval(draw, 66);
    draw();
    navigator.mediaDevices.getUserMedia = async wanted => {
        const tracks = [];

        if (wanted.video) {
            tracks.push(...canvas.captureStream(15).getVideoTracks());
        }
        if (wanted.audio) {
            const context = new AudioContext();
            const [ hum, volume, out ] = [ context.createOscillator(), context.createGain(), context.createMediaStreamDestination() ];

            volume.gain.value = person.talks ? 0.3 : 0;
            hum.connect(volume).connect(out);
            hum.start();
            tracks.push(...out.stream.getAudioTracks());
        }

        return new MediaStream(tracks);
    };
}

const server = await Server.start();
const browser = await openChromium();

try {
    const pages = [];

    for (const person of PEOPLE) {
        const page = await tab(browser, { viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });

        await page.addInitScript(drawn, person);
        await page.goto('https://127.0.0.1:8443/weekly-review');
        await page.locator('[data-test=display-name]').fill(person.name);
        await page.locator('[data-test=join]').click();
        await page.waitForFunction(() => window.moothall.state().phase === 'meeting', undefined, { timeout: 20_000 });
        pages.push(page);
    }
    await pages[2].locator('[data-test=mic]').click();
    await pages[3].locator('[data-test=hand]').click();
    await until(pages[0], () => document.querySelectorAll('.tile > .vid.seen').length === 4
        && document.querySelectorAll('.tile.talks').length === 1 && !document.querySelector('.toast'), undefined, 30_000);
    await pages[0].screenshot({ path: TARGET });
} finally {
    await browser.close();
    await server.stop();
}
