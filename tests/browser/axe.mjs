// What axe-core holds to be serious on a page, by the rules of WCAG 2.2 AA.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = [ 'wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa' ];

/** Fails with what axe finds on the page; `name` says which page it was. */
export async function assertAccessible(page, name) {
    await page.evaluate(AXE);
    const found = await page.evaluate(async rules => {
        const { passes, violations } = await window.axe.run(document, { runOnly: { type: 'tag', values: rules } });

        return passes.length === 0 ? [ 'axe checked nothing' ] : violations.filter(({ impact }) => [ 'serious', 'critical' ].includes(impact))
            .map(({ id, nodes }) => `${id}: ${nodes.map(node => `${node.html} ${node.failureSummary}`).join(' | ')}`);
    }, RULES);

    assert.deepEqual(found, [], name);
}
