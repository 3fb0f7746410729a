// What the external API calls its commands and events, and what they are called in messages. Only those that mean something here.

export const COMMANDS = {
  answerKnockingParticipant: 'answer-knocking-participant',
  displayName: 'display-name',
  endConference: 'end-conference',
  grantModerator: 'grant-moderator',
  hangup: 'video-hangup',
  hideNotification: 'hide-notification',
  kickParticipant: 'kick-participant',
  muteEveryone: 'mute-everyone',
  password: 'password',
  pinParticipant: 'pin-participant',
  sendChatMessage: 'send-chat-message',
  sendEndpointTextMessage: 'send-endpoint-text-message',
  setLargeVideoParticipant: 'set-large-video-participant',
  setTileView: 'set-tile-view',
  showNotification: 'show-notification',
  toggleAudio: 'toggle-audio',
  toggleChat: 'toggle-chat',
  toggleLobby: 'toggle-lobby',
  toggleParticipantsPane: 'toggle-participants-pane',
  toggleRaiseHand: 'toggle-raise-hand',
  toggleShareScreen: 'toggle-share-screen',
  toggleTileView: 'toggle-tile-view',
  toggleVideo: 'toggle-video',
} as const;

export type Command = (typeof COMMANDS)[keyof typeof COMMANDS];

export const EVENTS = {
  'audio-availability-changed': 'audioAvailabilityChanged',
  'audio-mute-status-changed': 'audioMuteStatusChanged',
  'browser-support': 'browserSupport',
  'chat-updated': 'chatUpdated',
  'content-sharing-participants-changed': 'contentSharingParticipantsChanged',
  'display-name-change': 'displayNameChange',
  'dominant-speaker-changed': 'dominantSpeakerChanged',
  'incoming-message': 'incomingMessage',
  'outgoing-message': 'outgoingMessage',
  'participant-joined': 'participantJoined',
  'participant-left': 'participantLeft',
  'participant-role-changed': 'participantRoleChanged',
  'participants-pane-toggled': 'participantsPaneToggled',
  'password-required': 'passwordRequired',
  'prejoin-screen-loaded': 'prejoinScreenLoaded',
  'raise-hand-updated': 'raiseHandUpdated',
  'screen-sharing-status-changed': 'screenSharingStatusChanged',
  'tile-view-changed': 'tileViewChanged',
  'video-availability-changed': 'videoAvailabilityChanged',
  'video-conference-joined': 'videoConferenceJoined',
  'video-conference-left': 'videoConferenceLeft',
  'video-mute-status-changed': 'videoMuteStatusChanged',
  'video-ready-to-close': 'readyToClose',
} as const;

export type EventName = keyof typeof EVENTS;
export interface ApiEvent { readonly name: EventName; readonly [key: string]: unknown }
