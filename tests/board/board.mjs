// A board in an emulator, started from a disk image, on a cable of its own. To be run in a network namespace (../netns).
import { execFileSync, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { within } from '../browser/harness.mjs';

/** Where Debian's package qemu-efi-aarch64 has the firmware. */
const FIRMWARE = '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd';

/** Our end of the cable, and the address that the board gets. There is no way on from here: no route, no names, no clock. */
const OURS = '10.11.12.1';
const BOARD = '10.11.12.20';

/** Every instruction is translated, perhaps on a busy machine. */
const START_MS = 900_000;

/** The boot partition is the first, at 1 MiB. */
const BOOT_PARTITION = '@@1M';

/** Starts a program that ends when we do, however that is. */
function spawnBound(program, args, options) {
    return spawn('setpriv', [ '--pdeathsig', 'KILL', program, ...args ], options);
}

/** A board that was made but not switched on. */
export class Board {
    constructor(image) {
        this.folder = mkdtempSync(path.join(tmpdir(), 'moothall-board-'));
        this.disk = path.join(this.folder, 'disk.img');
        execFileSync('cp', [ '--sparse=always', image, this.disk ]);
        this.setEnvironment('arguments', 'systemd.wants=inspect@hvc0.service');
        this.plugIn();
        this.stick = [];
        this.usb = [];
    }

    get url() {
        return `https://${BOARD}`;
    }

    /** The cable, with somebody at its end who gives out one address. */
    plugIn() {
        const ip = (...args) => execFileSync('ip', args);

        ip('tuntap', 'add', 'board0', 'mode', 'tap');
        ip('link', 'set', 'board0', 'addrgenmode', 'none');
        ip('addr', 'add', `${OURS}/24`, 'dev', 'board0');
        ip('link', 'set', 'board0', 'up');
        this.dhcp = spawnBound('dnsmasq', [
            '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--interface=board0', '--bind-interfaces', '--user=root',
            `--pid-file=${this.folder}/dnsmasq.pid`, `--dhcp-leasefile=${this.folder}/leases`, `--dhcp-range=${BOARD},${BOARD},1h`,
            '--dhcp-option=3', '--dhcp-option=6'
        ], { stdio: 'ignore' });
    }

    /** A variable of the boot loader; the board must be off. */
    setEnvironment(name, value) {
        const file = path.join(this.folder, 'grubenv');
        const inside = [ '-i', this.disk + BOOT_PARTITION ];

        execFileSync('mcopy', [ '-n', '-o', ...inside, '::EFI/debian/grubenv', file ]);
        const lines = readFileSync(file, 'utf8').split('\n').filter(line => /^(# GRUB|\w+=)/.test(line) && !line.startsWith(`${name}=`));

        writeFileSync(file, `${[ ...lines, `${name}=${value}` ].join('\n')}\n`.padEnd(1024, '#'));
        execFileSync('mcopy', [ '-o', ...inside, file, '::EFI/debian/grubenv' ]);
    }

    /** Writes a file of the folder CONFIG on the boot partition; the board must be off. */
    configure(name, text) {
        const file = path.join(this.folder, 'config-file');
        const inside = [ '-i', this.disk + BOOT_PARTITION ];

        if (!execFileSync('mdir', [ '-b', ...inside, '::' ], { encoding: 'utf8' }).includes('CONFIG')) {
            execFileSync('mmd', [ ...inside, '::CONFIG' ]);
        }
        writeFileSync(file, text);
        execFileSync('mcopy', [ '-o', ...inside, file, `::CONFIG/${name}` ]);
    }

    /** Puts files on a stick that is there from the next start on, as /dev/vdb. */
    plugStick(...files) {
        const stick = path.join(this.folder, 'stick.img');

        execFileSync('truncate', [ '-s', '1G', stick ]);
        execFileSync('mkfs.vfat', [ stick ], { stdio: 'ignore' });
        execFileSync('mcopy', [ '-i', stick, ...files, '::' ]);
        this.stick = [ '-drive', `file=${stick},format=raw,if=none,id=stick,readonly=on`, '-device', 'virtio-blk-pci,drive=stick' ];
    }

    /** Puts a folder CONFIG with these texts and files, by their names in it, on a USB stick that is there from the next start on. */
    plugUsb(contents) {
        this.usbStick = path.join(this.folder, 'usb.img');
        const on = [ '-i', this.usbStick ];

        execFileSync('truncate', [ '-s', '1G', this.usbStick ]);
        execFileSync('mkfs.vfat', [ this.usbStick ], { stdio: 'ignore' });
        execFileSync('mmd', [ ...on, '::Config' ]);
        for (const [ name, { text, file } ] of Object.entries(contents)) {
            execFileSync('mcopy', [ ...on, file ?? '-', `::Config/${name}` ], { input: text ?? '' });
        }
        this.usb = [
            '-device', 'qemu-xhci', '-drive', `file=${this.usbStick},format=raw,if=none,id=usb`,
            '-device', 'usb-storage,drive=usb,removable=on'
        ];
    }

    /** What a file in the stick's folder CONFIG says. */
    onUsb(name) {
        return execFileSync('mtype', [ '-i', this.usbStick, `::Config/${name}` ], { encoding: 'utf8' });
    }

    /** Switches it on. */
    start() {
        const shell = path.join(this.folder, 'shell');

        rmSync(shell, { force: true });
        this.began = Date.now();
        this.log = [];
        this.lines = new EventEmitter();
        this.emulator = spawnBound('qemu-system-aarch64', [
            '-M', 'virt', '-cpu', 'cortex-a72', '-smp', '2', '-m', '1G', '-accel', 'tcg,thread=multi', '-display', 'none',
            '-monitor', 'none', '-bios', FIRMWARE, '-serial', 'stdio',
            '-drive', `file=${this.disk},format=raw,if=none,id=disk`, '-device', 'virtio-blk-pci,drive=disk,bootindex=0',
            '-netdev', 'tap,id=cable,ifname=board0,script=no,downscript=no', '-device', 'virtio-net-pci,netdev=cable,romfile=',
            ...this.stick, ...this.usb, '-device', 'virtio-serial-pci', '-chardev', `socket,id=shell,path=${shell},server=on,wait=off`,
            '-device', 'virtconsole,chardev=shell', '-device', 'virtio-rng-pci', '-device', 'i6300esb'
        ], { stdio: [ 'ignore', 'pipe', 'pipe' ] });
        const keep = line => {
            const time = ((Date.now() - this.began) / 1000).toFixed(1);

            this.log.push(line);
            this.lines.emit('line', line);
            if (process.env.VERBOSE) {
                console.error(`board ${time}: ${line}`);
            }
        };

        createInterface({ input: this.emulator.stdout }).on('line', keep);
        createInterface({ input: this.emulator.stderr }).on('line', keep);
        this.ended = once(this.emulator, 'exit');
        this.shell = null;
        this.shellPath = shell;
    }

    /** What the console said so far is about the start before. */
    restarted() {
        this.log = [];
        this.shell?.destroy();
        this.shell = null;
    }

    /** Resolves to the first line on the console, shown already or yet to come, that `pattern` fits. */
    says(pattern, ms = START_MS) {
        const ended = this.ended.then(([ code ]) => Promise.reject(new Error(`the emulator ended with ${code}`)));
        const said = this.log.find(line => pattern.test(line))
            ?? new Promise(resolve => {
                this.lines.on('line', line => pattern.test(line) && resolve(line));
            });

        return within(ms, `the console says ${pattern}`, Promise.race([ said, ended ])).catch(error => {
            throw new Error(`${error.message}\n${this.log.slice(-40).join('\n')}`);
        });
    }

    /** Runs a command as root on the board; resolves to what it prints. */
    async run(command, ms = 60_000) {
        if (!this.shell) {
            this.shell = connect(this.shellPath);
            await within(5000, 'the port of the shell is open', once(this.shell, 'connect'));
            this.shell.setEncoding('utf8');
            this.heard = '';
            this.shell.on('data', text => {
                this.heard += text;
                this.lines.emit('heard');
            });
            // What is written before the shell is there is lost.
            const call = setInterval(() => this.shell.write('stty -echo; PS1=; PS2=; echo here\n'), 2000);

            await within(START_MS, 'the shell answers', this.hears(/^here\r?$/m)).finally(() => clearInterval(call));
        }
        this.asked = (this.asked ?? 0) + 1;
        const number = this.asked;
        const answer = new RegExp(`^begin ${number}\\r?\\n([^]*?)^end ${number} (\\d+)\\r?$`, 'm');

        this.heard = '';
        this.shell.write(`echo begin ${number}; { ${command}\n} 2>&1; echo end ${number} $?\n`);
        const [ , text, code ] = await within(ms, `an answer to ${command}`, this.hears(answer));
        const said = text.replaceAll('\r', '').trim();

        if (code !== '0') {
            throw new Error(`${command} ended with ${code}: ${said}`);
        }

        return said;
    }

    /** Says something to the shell of which no answer is expected. */
    tell(command) {
        this.shell.write(`${command}\n`);
    }

    /** What the supervisor says of the box. */
    async supervisor() {
        return JSON.parse(await this.run('moothall status --json')).supervisor;
    }

    /** Resolves once the box has called itself, and the boot loader knows. */
    async judged() {
        await this.run('until moothall status --json | grep -q \'"verdict":"good"\'; do sleep 1; done', START_MS);
    }

    /** Installs an update from the stick. */
    install(name) {
        return this.run(
            `mkdir -p /tmp/stick; mountpoint -q /tmp/stick || mount -o ro /dev/vdb /tmp/stick; moothall update /tmp/stick/${name}`, START_MS);
    }

    ready() {
        return this.says(new RegExp(`${this.url}/`));
    }

    /** Who the box is, as far as a restart or an update must not change it. */
    async identity() {
        return {
            name: (await this.run('moothall config show')).match(/^name = (.*)$/m)[1],
            machine: await this.run('cat /etc/machine-id'),
            authority: await this.run('cat /var/lib/moothall/host/authority.pem | cksum')
        };
    }

    /** Resolves when what the shell has printed since it was asked fits `pattern`. */
    hears(pattern) {
        return new Promise(resolve => {
            const listen = () => {
                const found = pattern.exec(this.heard);

                if (found) {
                    this.lines.off('heard', listen);
                    resolve(found);
                }
            };

            this.lines.on('heard', listen);
        });
    }

    /** Pulls the plug. */
    async kill() {
        this.shell?.destroy();
        this.emulator.kill('SIGKILL');
        await this.ended;
    }

    async discard() {
        if (this.emulator) {
            await this.kill();
        }
        this.dhcp.kill();
        execFileSync('ip', [ 'link', 'delete', 'board0' ]);
        rmSync(this.folder, { recursive: true, force: true });
    }
}
