// Runs the training programs on Node 20, 22, 24 and 26, Bun and Deno with one addon, and the whole TypeScript suite on Node 22 and 24.
// What it installs stays in the cache. `node scripts/platforms/linux-x64-gnu.mjs`
import { join } from 'node:path'
import { must, root } from '../run.mjs'
import { setup } from '../setup.mjs'
import { bun, deno, nodeFor } from './runtimes.mjs'
import { trainOn } from './train.mjs'

await setup()
const addons = join(root, 'dist/native')
const nodes = new Map()
for (const major of [20, 22, 24, 26]) nodes.set(major, await nodeFor('linux-x64', major))
for (const [major, node] of nodes) await trainOn(`Node ${major}`, [node], addons)
await trainOn('Bun', [await bun()], addons)
await trainOn('Deno', [await deno(), 'run', '-A', '--node-modules-dir=manual'], addons)
for (const major of [22, 24]) {
  console.log(`Node ${major}: the TypeScript suite`)
  await must(nodes.get(major), [join(root, 'node_modules/vitest/vitest.mjs'), 'run'])
}
