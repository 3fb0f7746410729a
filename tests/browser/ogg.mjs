// Opus packets in an Ogg file (RFC 3533, RFC 7845): what a player needs, and no more.

/** CRC of a page: polynomial 0x04c11db7, not reflected, from zero. */
function checksum(bytes) {
    let sum = 0;

    for (const byte of bytes) {
        sum ^= byte << 24;
        for (let bit = 0; bit < 8; bit++) {
            sum = sum << 1 ^ (sum & 0x80000000 ? 0x04c11db7 : 0);
        }
    }

    return sum >>> 0;
}

function page(number, granule, flags, packet) {
    const segments = Buffer.alloc(Math.floor(packet.length / 255) + 1, 255);
    const header = Buffer.alloc(27);

    segments[segments.length - 1] = packet.length % 255;
    header.write('OggS');
    header[5] = flags;
    header.writeBigUInt64LE(BigInt(granule), 6);
    header.writeUInt32LE(1, 14);
    header.writeUInt32LE(number, 18);
    header[26] = segments.length;
    const whole = Buffer.concat([ header, segments, packet ]);

    whole.writeUInt32LE(checksum(whole), 22);

    return whole;
}

/** Of `media` of mediajson, in their order; each a packet of 20 ms. */
export function oggOpus(media) {
    const head = Buffer.alloc(19);
    const tags = Buffer.alloc(16);

    head.write('OpusHead');
    head[8] = 1;
    head[9] = 2;
    head.writeUInt32LE(48_000, 12);
    tags.write('OpusTags');
    const pages = media.map(({ payload }, index) => page(index + 2, (index + 1) * 960, index + 1 === media.length ? 4 : 0, Buffer.from(payload, 'base64')));

    return Buffer.concat([ page(0, 0, 2, head), page(1, 0, 0, tags), ...pages ]);
}
