// What this device remembers: name, theme, rooms, devices. Private windows may refuse; then nothing is remembered.

export function recall(key: string): string {
  try {
    return localStorage.getItem(`moothall.${key}`) ?? '';
  } catch {
    return '';
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`moothall.${key}`, value);
  } catch {
    // Nothing to do: it is a convenience.
  }
}

const ROOMS = 6;

export function recentRooms(): string[] {
  try {
    const rooms: unknown = JSON.parse(recall('rooms') || '[]');
    return Array.isArray(rooms) ? rooms.filter((r): r is string => typeof r === 'string').slice(0, ROOMS) : [];
  } catch {
    return [];
  }
}

export function rememberRoom(room: string): void {
  remember('rooms', JSON.stringify([room, ...recentRooms().filter((r) => r !== room)].slice(0, ROOMS)));
}
