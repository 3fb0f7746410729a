// A page around an unmodified lib-jitsi-meet: joins a room, sends camera and microphone, shows whatever comes.
// `window.meeting` tells the test what has happened.
/* global JitsiMeetJS, config */
(() => {
    const query = new URLSearchParams(location.search);
    const server = query.get('server');
    const room = query.get('room');
    const events = [];
    const remote = new Map();
    const note = (what, detail) => events.push({ at: Math.round(performance.now()), what, detail });
    const meeting = { events, phase: 'starting', me: null, chat: [], remote, local: {}, participants: new Map() };

    window.meeting = meeting;
    window.addEventListener('error', e => note('error', String(e.message)));
    window.addEventListener('unhandledrejection', e => note('rejection', String(e.reason)));

    function element(track) {
        const tag = document.createElement(track.getType());

        tag.autoplay = true;
        tag.playsInline = true;
        document.body.appendChild(tag);
        track.attach(tag);

        return tag;
    }

    function key(track) {
        return `${track.getParticipantId()}/${track.getType()}`;
    }

    meeting.media = async () => {
        const found = {};

        for (const pc of meeting.peerConnections ?? []) {
            const reports = await pc.getStats();

            for (const report of reports.values()) {
                if (report.type === 'inbound-rtp') {
                    found[report.ssrc] = {
                        kind: report.kind,
                        packets: report.packetsReceived,
                        frames: report.framesDecoded ?? 0,
                        height: report.frameHeight ?? 0,
                        energy: report.totalAudioEnergy ?? 0,
                        mime: reports.get(report.codecId)?.mimeType
                    };
                }
            }
        }
        const seen = {};

        for (const [ name, track ] of remote) {
            // Renamed since 2022.
            const ssrc = track.getSsrc?.() ?? track.getSSRC?.();

            seen[name] = { muted: track.isMuted(), ssrc, ...found[ssrc] };
        }

        return seen;
    };

    /** What leaves: one entry for each video encoding. */
    meeting.sends = async () => {
        const sent = [];

        for (const pc of meeting.peerConnections) {
            const reports = await pc.getStats();

            for (const report of reports.values()) {
                if (report.type === 'outbound-rtp' && report.kind === 'video') {
                    sent.push({
                        mime: reports.get(report.codecId)?.mimeType,
                        rid: report.rid,
                        frames: report.framesEncoded ?? 0,
                        height: report.frameHeight ?? 0,
                        scalability: report.scalabilityMode
                    });
                }
            }
        }

        return sent;
    };

    const Native = window.RTCPeerConnection;

    meeting.peerConnections = [];
    window.RTCPeerConnection = class extends Native {
        constructor(...args) {
            super(...args);
            meeting.peerConnections.push(this);
            this.addEventListener('iceconnectionstatechange', () => note('ice', this.iceConnectionState));
        }
    };

    async function start() {
        const remoteConfig = await (await fetch(`/config?server=${encodeURIComponent(server)}`)).text();

        (0, eval)(remoteConfig.replace(/^\s*var config/, 'window.config')); // eslint-disable-line no-eval
        const options = { ...window.config };
        const height = Number(query.get('height') ?? 360);

        for (const [ name, value ] of Object.entries(JSON.parse(query.get('options') ?? '{}'))) {
            options[name] = typeof value === 'object' ? { ...options[name], ...value } : value;
        }
        if (query.get('domain')) {
            const domain = query.get('domain');

            options.hosts = { domain, muc: `conference.${domain}`, focus: `focus.${domain}` };
        }
        // By WebSocket, or by HTTP requests alone.
        options.serviceUrl = `${query.get('bosh') ?? query.get('websocket') ?? options.websocket}?room=${room}`;
        options.bosh = undefined;
        JitsiMeetJS.setLogLevel(JitsiMeetJS.logLevels[query.get('log') ?? 'WARN']);
        JitsiMeetJS.init({ disableAudioLevels: false, ...options });
        const tracks = await JitsiMeetJS.createLocalTracks({
            devices: [ 'audio', 'video' ], resolution: height, constraints: { video: { height: { ideal: height, max: height }, frameRate: { max: 15 } } }
        });
        const connection = new JitsiMeetJS.JitsiConnection(null, null, options);
        const on = JitsiMeetJS.events.conference;

        /** Into the room, for the first time or again. */
        meeting.enter = password => {
            const conference = connection.initJitsiConference(room, options);

            meeting.conference = conference;
            conference.on(on.CONFERENCE_JOINED, () => {
                meeting.phase = 'joined';
                meeting.me = conference.myUserId();
                note('joined', meeting.me);
            });
            conference.on(on.CONFERENCE_FAILED, (...a) => note('conference failed', a.map(String)));
            conference.on(on.CONFERENCE_LEFT, () => {
                meeting.phase = 'left';
                note('left');
            });
            conference.on(on.USER_JOINED, (id, user) => {
                meeting.participants.set(id, user);
                note('user joined', id);
            });
            conference.on(on.USER_LEFT, id => {
                meeting.participants.delete(id);
                note('user left', id);
            });
            conference.on(on.USER_ROLE_CHANGED, (id, role) => note('role', [ id, role ]));
            conference.on(on.DOMINANT_SPEAKER_CHANGED, id => note('speaker', id));
            conference.on(on.DATA_CHANNEL_OPENED, () => note('channel open'));
            conference.on(on.RECORDER_STATE_CHANGED, session => note('recording', { id: session.getID?.(), status: session.getStatus?.(), error: session.getError?.() }));
            conference.on(on.KICKED, (actor, reason) => note('kicked', [ actor?.getId(), reason ]));
            conference.on(on.PARTICIPANT_KICKED, (actor, kicked, reason) => note('other kicked', [ actor?.getId(), kicked?.getId(), reason ]));
            conference.on(on.LOCK_STATE_CHANGED, locked => note('locked', locked));
            conference.on(on.MEMBERS_ONLY_CHANGED, enabled => note('members only', enabled));
            conference.on(on.LOBBY_USER_JOINED, (id, name) => note('knocks', [ id, name ]));
            conference.on(on.LOBBY_USER_UPDATED, (id, { email }) => note('knocks as', [ id, email ]));
            conference.on(on.LOBBY_USER_LEFT, id => note('knocks no more', id));
            conference.on(on.SUBJECT_CHANGED, subject => note('subject', subject));
            conference.on(on.CONFERENCE_ERROR, (...a) => note('conference error', a.map(String)));
            conference.on(on.MESSAGE_RECEIVED, (id, text, stamp) => meeting.chat.push(stamp ? { id, text, stamp } : { id, text }));
            conference.on(on.PRIVATE_MESSAGE_RECEIVED, (id, text) => meeting.chat.push({ id, text, private: true }));
            conference.on(on.ENDPOINT_MESSAGE_RECEIVED, (user, message) => note('endpoint message', message));
            conference.on(on.TRACK_ADDED, track => {
                if (track.isLocal()) {
                    return;
                }
                remote.set(key(track), track);
                element(track);
                note('track', key(track));
            });
            conference.on(on.TRACK_REMOVED, track => {
                // The next one of its kind may be there already.
                if (remote.get(key(track)) === track) {
                    remote.delete(key(track));
                }
                note('track removed', key(track));
            });
            conference.on(on.TRACK_MUTE_CHANGED, (track, by) => note('mute',
                [ track.isLocal() ? 'me' : track.getParticipantId(), track.getType(), track.isMuted(), by?.getId() ]));
            conference.setDisplayName(query.get('name') ?? 'library');
            for (const track of tracks) {
                meeting.local[track.getType()] = track;
                conference.addTrack(track);
            }
            conference.setReceiverConstraints?.({ lastN: -1, defaultConstraints: { maxHeight: height } });
            note('join');
            conference.join(password);
        };
        connection.addEventListener(JitsiMeetJS.events.connection.CONNECTION_FAILED, (...a) => {
            note('connection failed', a.map(String));
            meeting.phase = 'failed';
        });
        connection.addEventListener(JitsiMeetJS.events.connection.CONNECTION_ESTABLISHED, () => {
            note('connected');
            meeting.enter(query.get('password') ?? undefined);
        });
        connection.connect();
        meeting.connection = connection;
    }

    /** Shares a screen in place of the camera: this library sends one video. */
    meeting.share = async () => {
        [ meeting.local.desktop ] = await JitsiMeetJS.createLocalTracks({ devices: [ 'desktop' ] });
        await meeting.conference.replaceTrack(meeting.local.video, meeting.local.desktop);
    };

    meeting.unshare = async () => {
        await meeting.conference.replaceTrack(meeting.local.desktop, meeting.local.video);
        await meeting.local.desktop.dispose();
    };

    meeting.leave = async () => {
        await meeting.conference.leave();
        await meeting.connection.disconnect();
    };

    start().catch(e => {
        meeting.phase = 'failed';
        note('start failed', String(e.stack ?? e));
    });
})();
