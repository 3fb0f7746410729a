// A browser on another machine: a network namespace of its own, with a link to this one that can change.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openChromium } from './harness.mjs';

const WRAPPER = fileURLToPath(new URL('elsewhere', import.meta.url));
const NEAR = 'near0';
const FAR = 'far0';

/** Where a program that an ordinary user's shell does not look for may be. */
const ENV = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

function run(...command) {
    execFileSync(command[0], command.slice(1), { env: ENV, stdio: [ 'ignore', 'ignore', 'inherit' ] });
}

/** The networks that the box is in; the browser is in one of them. */
export class Elsewhere {
    /** `networks` are the first three bytes of each: the box is .1, the browser .2. To be called before the box is started. */
    constructor(networks) {
        this.networks = networks;
        run('ip', 'link', 'add', NEAR, 'type', 'veth', 'peer', 'name', FAR);
        run('ip', 'link', 'set', NEAR, 'addrgenmode', 'none');
        run('ip', 'link', 'set', FAR, 'addrgenmode', 'none');
        for (const network of networks) {
            run('ip', 'addr', 'add', `${network}.1/24`, 'dev', NEAR);
        }
        run('ip', 'link', 'set', NEAR, 'up');
    }

    get origin() {
        return `https://${this.networks[0]}.1:8443`;
    }

    async openChromium() {
        const folder = mkdtempSync(path.join(tmpdir(), 'moothall-elsewhere-'));
        const pid = path.join(folder, 'pid');

        try {
            const browser = await openChromium([], {
                executablePath: WRAPPER,
                env: { ...ENV, ELSEWHERE_PID: pid, ELSEWHERE_BROWSER: process.env.CHROMIUM ?? '/usr/bin/chromium' }
            });

            this.pid = readFileSync(pid, 'utf8').trim();
            run('ip', 'link', 'set', FAR, 'netns', this.pid);
            this.inside('link', 'set', 'lo', 'up');
            this.inside('link', 'set', FAR, 'up');

            return browser;
        } finally {
            rmSync(folder, { recursive: true, force: true });
        }
    }

    /** The browser's machine is in this network now, and in no other. */
    move(network) {
        this.inside('addr', 'flush', 'dev', FAR);
        this.inside('addr', 'add', `${network}.2/24`, 'dev', FAR);
        this.inside('route', 'replace', 'default', 'via', `${network}.1`, 'dev', FAR);
    }

    inside(...what) {
        run('nsenter', '--target', this.pid, '--net', 'ip', ...what);
    }
}
