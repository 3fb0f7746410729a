// A disk from which the power can be taken: a file system in a file, a copy of which has what was stored by then and nothing else.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { RECORDER } from './recorded.mjs';

const MEGABYTES = 48;
/** Seconds. What the kernel stores by itself would come after the end of any test. */
const BY_ITSELF = 600;
/** For a process to stop, in milliseconds. */
const STOPPED_WITHIN = 5000;

/** Why there is none, or false: a file can be mounted only by who is root outside of all namespaces as well. */
export const NO_DISK = (readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/)[1] !== '0' || process.getuid() !== 0
    || !existsSync('/dev/loop-control')) && 'needs root, and loop devices';

export class Disk {
    /** `folder` has room for the file; `place` is where the disk is seen. */
    constructor(folder, place) {
        this.folder = mkdtempSync(path.join(folder, 'disk-'));
        this.image = path.join(this.folder, 'image');
        this.place = place;
        mkdirSync(place, { recursive: true });
        execFileSync('truncate', [ '--size', `${MEGABYTES}M`, this.image ]);
        execFileSync('mkfs.ext4', [ '-q', '-F', this.image ], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
    }

    /** What stands before a command that sees the disk. */
    mounted() {
        return [ 'unshare', '--mount', 'sh', '-c', `mount -o loop,commit=${BY_ITSELF} ${this.image} ${this.place} && exec "$@"`, 'sh' ];
    }

    /** As the disk is when the power goes: nobody writes while it is copied. */
    async copy(server) {
        const recorder = child(server.child.pid, 'moothall-record');
        const image = path.join(mkdtempSync(path.join(this.folder, 'copy-')), 'image');

        process.kill(recorder, 'SIGSTOP');
        const at = Date.now();

        await stopped(recorder);
        execFileSync('cp', [ '--sparse=always', this.image, image ]);
        process.kill(recorder, 'SIGCONT');

        return { image, at };
    }

    /** Folders of the recordings in a copy, closed as after a start of the box. */
    recovered(image) {
        const [ place, found ] = [ 'mounted', 'found' ].map(name => path.join(path.dirname(image), name));

        mkdirSync(place);
        execFileSync('unshare', [ '--mount', 'sh', '-ec', `mount -o loop ${image} ${place}; ${RECORDER} recover ${place}; cp -r ${place} ${found}` ]);

        return readdirSync(found).map(name => path.join(found, name)).filter(name => !name.endsWith('lost+found'));
    }
}

/** The child of a process that runs this command. */
function child(parent, command) {
    const tasks = readdirSync(`/proc/${parent}/task`);
    const children = tasks.flatMap(task => readFileSync(`/proc/${parent}/task/${task}/children`, 'utf8').split(' ')).filter(Boolean);

    return Number(children.find(pid => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === command));
}

/** Resolves when no thread of a process runs, nor waits for a disk. */
async function stopped(pid) {
    const state = task => readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8').split(') ')[1][0];
    const until = Date.now() + STOPPED_WITHIN;

    while (!readdirSync(`/proc/${pid}/task`).every(task => state(task) === 'T')) {
        if (Date.now() > until) {
            throw new Error('the recorder does not stop');
        }
        await new Promise(resolve => setImmediate(resolve));
    }
}
