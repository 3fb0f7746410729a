"""Records a second of silence through the socket on which systemd starts a recorder, in the place of a host.

`record.py` ends it, `record.py killed` kills the recorder in the midst, `record.py recovered` has that recording closed."""
import json
import os
import socket
import struct
import subprocess
import sys
import time

STATE = '/var/lib/moothall/host/recordings'
WAIT = 30


def frame(kind, body, micros=0):
    return struct.pack('>BBHQ', kind, 0, len(body), micros) + body


def note(**what):
    return frame(3, json.dumps(what).encode())


def packet(number):
    # 20 ms of silence in Opus.
    return frame(1, struct.pack('>BBHII', 0x80, 111, number, number * 960, 7) + b'\xf8\xff\xfe', number * 20_000)


def hears(tap, wanted):
    while True:
        message = tap.recv(65536)
        if not message:
            raise SystemExit(f'it has gone before it said {wanted}')
        while message:
            length = struct.unpack('>H', message[2:4])[0]
            said = json.loads(message[12:12 + length])
            if said['answer'] == wanted:
                return said
            message = message[12 + length:]


def manifest(name):
    with open(f'{STATE}/{name}/manifest.json') as file:
        return json.load(file)


def begin(name):
    tap = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    tap.settimeout(WAIT)
    tap.connect('/run/moothall-recorder.socket')
    tap.send(note(note='begin', version=1, recording=name, room='garden', meeting='m', unix_ms=1_764_281_645_000))
    hears(tap, 'ready')
    types = [{'id': 111, 'codec': 'opus', 'clockRate': 48000}]
    tap.send(note(note='stream', ssrc=7, kind='audio', endpoint='ada', source='ada-a0', payloadTypes=types))
    for number in range(1, 101):
        tap.send(packet(number))
    return tap


def recorders():
    listed = subprocess.run(['systemctl', 'list-units', '--plain', '--no-legend', 'moothall-recorder@*'], capture_output=True, text=True)
    return [line.split()[0] for line in listed.stdout.splitlines()]


what = sys.argv[1] if len(sys.argv) > 1 else 'ended'
os.makedirs(STATE, exist_ok=True)
subprocess.run(['chown', 'moothall:moothall', STATE], check=True)
if what == 'ended':
    tap = begin(what)
    tap.send(note(note='end', reason='enough'))
    done = hears(tap, 'done')
    assert done.get('error') is None, done
    assert [file['frames'] for file in manifest(what)['files']] == [100], manifest(what)
elif what == 'killed':
    tap = begin(what)
    deadline = time.monotonic() + WAIT
    while not any(name.endswith('.mp4') for name in os.listdir(f'{STATE}/{what}')):
        assert time.monotonic() < deadline, 'it has opened no file'
    subprocess.run(['systemctl', 'kill', '--signal=KILL', *recorders()], check=True)
    try:
        while tap.recv(65536):
            pass
    except ConnectionResetError:
        # It had not read everything.
        pass
    assert manifest(what)['state'] == 'recording'
    subprocess.run(['systemctl', 'start', 'moothall-recordings.service'], check=True)
else:
    assert manifest('killed')['state'] in ('finished', 'broken'), manifest('killed')
