// Stanzas as a focus writes them; the browser's parser is stood in for by another DOM.
import { DOMParser } from '@xmldom/xmldom';
import { type DomElement, fromDom, type Xml } from '../src/xml';

export function parse(text: string): Xml {
  const root = new DOMParser().parseFromString(text, 'application/xml').documentElement;
  return fromDom(root as unknown as DomElement);
}

const TRANSPORT = `<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='8f3q1' pwd='1m0c9d8h7g6f5e4d3c2b1a0z'>
 <rtcp-mux/><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>4A:00:9F</fingerprint>
 <web-socket xmlns='http://jitsi.org/protocol/colibri' url='wss://meet.example/colibri-ws/default-id/6f1e/3f2a9c41?pwd=1m0c'/>
 <candidate component='1' foundation='1' generation='0' id='c1' ip='192.0.2.10' network='0' port='10000' priority='2130706431' protocol='udp' type='host'/>
 <candidate component='1' foundation='2' generation='0' id='c2' ip='2001:db8::7' network='0' port='10000' priority='1677724415' protocol='udp' type='srflx' rel-addr='192.0.2.10' rel-port='10000'/>
</transport>`;

const HEAD = `<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' initiator='standup@conference.meet.example/focus' sid='7n5d0qk1a'>
 <content creator='initiator' name='audio' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio' maxptime='60'>
  <payload-type id='111' name='opus' clockrate='48000' channels='2'><parameter name='minptime' value='10'/><parameter name='useinbandfec' value='1'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/></payload-type>
  <payload-type id='112' name='red' clockrate='48000' channels='2'><parameter value='111/111'/></payload-type>
  <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/>
  <extmap-allow-mixed xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'/><rtcp-mux/>AUDIO</description>${TRANSPORT}</content>
 <content creator='initiator' name='video' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>
  <payload-type id='41' name='AV1' clockrate='90000'/><payload-type id='42' name='rtx' clockrate='90000'><parameter name='apt' value='41'/></payload-type>
  <payload-type id='100' name='VP8' clockrate='90000'><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='ccm' subtype='fir'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/></payload-type>
  <payload-type id='96' name='rtx' clockrate='90000'><parameter name='apt' value='100'/></payload-type>
  <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='5' uri='http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'/>
  <rtcp-mux/>VIDEO</description>${TRANSPORT}</content>
 <group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='audio'/><content name='video'/></group>
 <bridge-session xmlns='http://jitsi.org/protocol/focus' id='0c1a7c6e' region='eu'/>`;

export const JSON_OFFER = `${HEAD.replace('AUDIO', '').replace('VIDEO', '')}
 <json-message xmlns='http://jitsi.org/jitmeet'>{"sources":{"jvb":[[{"s":1234567890,"n":"jvb-v0","m":"mixedmslabel mixedlabelvideo0"}],[],[{"s":987654321,"n":"jvb-a0","m":"mixedmslabel mixedlabelaudio0"}]],"9b1d0e22":[[{"s":1001,"n":"9b1d0e22-v0","m":"9b1d0e22-video-0-1 4d5e"},{"s":1002,"n":"9b1d0e22-v0","m":"9b1d0e22-video-0-1 4d5e"},{"s":4294967295,"n":"9b1d0e22-v1","m":"9b1d0e22-video-1-1 77","v":"d"}],[["f",1001,1002]],[{"s":1003,"n":"9b1d0e22-a0","m":"9b1d0e22-audio-0-1 6f70"}]]}}</json-message></jingle>`;

export const XML_OFFER = `${HEAD
  .replace('AUDIO', `<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1003' name='9b1d0e22-a0'><parameter name='msid' value='9b1d0e22-audio-0-1 6f70'/><ssrc-info xmlns='http://jitsi.org/jitmeet' owner='standup@conference.meet.example/9b1d0e22'/></source>`)
  .replace('VIDEO', `<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1001' videoType='camera'><parameter name='msid' value='a b'/><ssrc-info xmlns='http://jitsi.org/jitmeet' owner='9b1d0e22'/></source><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1002'><parameter name='msid' value='a b'/><ssrc-info xmlns='http://jitsi.org/jitmeet' owner='9b1d0e22'/></source><ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='FID'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1001'/><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1002'/></ssrc-group>`)}</jingle>`;

/** What Chromium answers to such an offer, shortened. */
export const ANSWER = `v=0
o=- 42 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=ice-ufrag:Qw3r
a=ice-pwd:secretsecretsecretsecret
a=fingerprint:sha-256 AA:BB
a=setup:active
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:- t0
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=ssrc:2001 cname:x
m=video 9 UDP/TLS/RTP/SAVPF 100 96
c=IN IP4 0.0.0.0
a=ice-ufrag:Qw3r
a=ice-pwd:secretsecretsecretsecret
a=fingerprint:sha-256 AA:BB
a=setup:active
a=mid:1
a=extmap:5/sendrecv http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=sendrecv
a=msid:- t1
a=rtcp-mux
a=rtpmap:100 VP8/90000
a=rtcp-fb:100 nack pli
a=rtpmap:96 rtx/90000
a=fmtp:96 apt=100
a=ssrc-group:FID 3001 3002
a=ssrc:3001 cname:x
a=ssrc:3001 msid:- t1
a=ssrc:3002 cname:x
a=ssrc:3002 msid:- t1
`.replace(/\n/g, '\r\n');

/** Sources as lib-jitsi-meet of August 2026 wrote them, taken from a recording and shortened. */
export const RECORDED = `<jingle action="session-initiate" initiator="tcurrent@conference.meet.test/b7ea0d10" sid="d6a3fae8a268" xmlns="urn:xmpp:jingle:1"><content creator="initiator" name="0" senders="both"><description media="audio" xmlns="urn:xmpp:jingle:apps:rtp:1"><source name="b7ea0d10-a0" ssrc="3239318908" xmlns="urn:xmpp:jingle:apps:rtp:ssma:0"><parameter name="msid" value="b7ea0d10-audio-0-1 197408f5-fe58-4dae-bf29-f1d75a41bb84-1"/></source></description></content><content creator="initiator" name="1" senders="both"><description media="video" xmlns="urn:xmpp:jingle:apps:rtp:1"><source name="b7ea0d10-v0" ssrc="579414202" videoType="camera" xmlns="urn:xmpp:jingle:apps:rtp:ssma:0"><parameter name="msid" value="b7ea0d10-video-0-1 cb6bc463-36e2-41b1-b4f9-64badbb8a80d-1"/></source><source name="b7ea0d10-v0" ssrc="2321706150" videoType="camera" xmlns="urn:xmpp:jingle:apps:rtp:ssma:0"><parameter name="msid" value="b7ea0d10-video-0-1 cb6bc463-36e2-41b1-b4f9-64badbb8a80d-1"/></source><ssrc-group semantics="FID" xmlns="urn:xmpp:jingle:apps:rtp:ssma:0"><source ssrc="579414202"/><source ssrc="2321706150"/></ssrc-group></description></content></jingle>`;
