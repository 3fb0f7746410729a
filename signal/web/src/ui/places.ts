// The places of tiles: stable, but who talks on a hidden page changes places with the one in sight who was silent longest. Pure.

export class Places {
  private ids: string[] = [];
  private readonly talked = new Map<string, number>();
  private turns = 0;

  /** Everybody in their place; who is new comes before whom they were listed before, or at the end. */
  sort<T extends { readonly id: string }>(listed: readonly T[]): T[] {
    const byId = new Map(listed.map((one) => [one.id, one]));
    const ids = this.ids.filter((id) => byId.has(id));
    for (let at = listed.length - 1, before = ''; at >= 0; at--) {
      const id = listed[at]?.id ?? '';
      if (!ids.includes(id)) ids.splice(before ? ids.indexOf(before) : ids.length, 0, id);
      before = id;
    }
    for (const id of this.talked.keys()) if (!byId.has(id)) this.talked.delete(id);
    this.ids = ids;
    return ids.flatMap((id) => byId.get(id) ?? []);
  }

  /** Somebody talks while `visible` are in sight; says whether places changed. */
  talk(id: string, visible: readonly string[]): boolean {
    if (!this.ids.includes(id)) return false;
    this.talked.set(id, ++this.turns);
    if (visible.length === 0 || visible.includes(id)) return false;
    const since = (one: string): number => this.talked.get(one) ?? 0;
    const quietest = visible.reduce((a, b) => (since(b) < since(a) ? b : a));
    const [from, to] = [this.ids.indexOf(id), this.ids.indexOf(quietest)];
    if (to < 0) return false;
    [this.ids[from], this.ids[to]] = [quietest, id];
    return true;
  }
}
