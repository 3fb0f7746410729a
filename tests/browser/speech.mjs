// Something that is spoken: Chromium's own microphone beeps, too shortly for anybody to be heard speaking (the detection of speech
// wants a tenth of a second at once, and at which of its steps the beep falls is chance).
import { writeFileSync } from 'node:fs';

const RATE = 48_000;
const SECONDS = 8;

/** How loud at `t`: four syllables a second, a breath after every three seconds. */
function envelope(t) {
    return t % 4 < 3 ? Math.sin(Math.PI * (t * 4 % 1)) ** 0.5 : 0;
}

/** A voice at `t`: a gliding tone and what stands above it. */
function voice(t) {
    const pitch = 2 * Math.PI * (140 * t + 20 * Math.sin(t * 2));
    let sum = 0;

    for (let n = 1; n <= 12; n++) {
        sum += Math.sin(pitch * n) / n;
    }

    return sum;
}

/** Writes a WAV file for Chromium to take for its microphone, again and again; answers the arguments that say so. */
export function speakInto(file) {
    const samples = Buffer.alloc(RATE * SECONDS * 2);
    const header = Buffer.alloc(44);

    for (let at = 0; at < RATE * SECONDS; at++) {
        samples.writeInt16LE(Math.round(9_000 * envelope(at / RATE) * voice(at / RATE)), at * 2);
    }
    header.write('RIFF', 0);
    header.writeUInt32LE(36 + samples.length, 4);
    header.write('WAVEfmt ', 8);
    header.writeUInt32LE(16, 16);
    header.writeUInt16LE(1, 20);
    header.writeUInt16LE(1, 22);
    header.writeUInt32LE(RATE, 24);
    header.writeUInt32LE(RATE * 2, 28);
    header.writeUInt16LE(2, 32);
    header.writeUInt16LE(16, 34);
    header.write('data', 36);
    header.writeUInt32LE(samples.length, 40);
    writeFileSync(file, Buffer.concat([ header, samples ]));

    return [ `--use-file-for-fake-audio-capture=${file}` ];
}
