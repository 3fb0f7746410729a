// Updates as they should be, and as they should not.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Bundles made of the slot in an image's folder; they are put into another folder. */
export class Bundles {
    constructor(image, folder) {
        this.image = image;
        this.folder = path.join(folder, 'bundles');
        mkdirSync(this.folder);
    }

    /** The path of the image's own slot as an update. */
    get good() {
        return path.join(this.image, 'update.raucb');
    }

    /** Paths of those that are not let in. */
    refused() {
        const truncated = path.join(this.folder, 'truncated.raucb');

        writeFileSync(truncated, readFileSync(this.good).subarray(0, 1_000_000));

        return [ truncated, this.stranger(), this.other() ];
    }

    /** Of somebody whom the box does not know. */
    stranger() {
        const [ key, certificate ] = [ 'stranger.key', 'stranger.pem' ].map(name => path.join(this.folder, name));

        execFileSync('openssl', [
            'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '9', '-subj', '/CN=Somebody', '-keyout', key, '-out', certificate
        ], { stdio: 'ignore' });

        return this.make('stranger', { key, certificate });
    }

    other() {
        return this.make('other', { compatible: 'moothall-rpi5' });
    }

    /** Well signed, with a host that ends at once. */
    broken() {
        const root = path.join(this.folder, 'broken.img');
        const script = path.join(this.folder, 'host');
        const system = path.join(this.folder, 'system');

        execFileSync('cp', [ '--sparse=always', path.join(this.image, 'root.img'), root ]);
        writeFileSync(script, '#!/bin/sh\nif [ "$1" = host ]; then exit 1; fi\nexec /usr/bin/moothall-before "$@"\n');
        writeFileSync(system, 'broken\n');
        for (const request of [
            'ln /usr/bin/moothall /usr/bin/moothall-before', 'unlink /usr/bin/moothall', `write ${script} /usr/bin/moothall`,
            'set_inode_field /usr/bin/moothall mode 0100755', 'rm /etc/moothall-system', `write ${system} /etc/moothall-system`
        ]) {
            execFileSync('debugfs', [ '-w', '-R', request, root ], { stdio: 'ignore' });
        }

        return this.make('broken', { root });
    }

    make(name, { compatible = 'moothall-qemu-arm64', root, key, certificate } = {}) {
        const content = path.join(this.folder, name);
        const bundle = `${content}.raucb`;

        mkdirSync(content);
        if (root) {
            cpSync(root, path.join(content, 'root.img'));
        } else {
            // RAUC makes no bundle that is smaller than a block, however it is packed.
            writeFileSync(path.join(content, 'root.img'), randomBytes(1_000_000));
        }
        writeFileSync(path.join(content, 'manifest.raucm'),
            `[update]\ncompatible=${compatible}\nversion=1\n[bundle]\nformat=verity\n[image.root]\nfilename=root.img\n`);
        execFileSync('rauc', [
            'bundle', `--cert=${certificate ?? path.join(this.image, 'authority.pem')}`, `--key=${key ?? path.join(this.image, 'authority.key')}`,
            '--mksquashfs-args=-comp zstd -Xcompression-level 3', content, bundle
        ], { stdio: 'ignore' });

        return bundle;
    }
}
