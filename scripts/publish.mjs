// Publishes the tarballs of a folder with provenance: the platforms' first, so that the main package never names one that is not there.
// A version that the registry already has is passed over, so that a release that broke off can be run again.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { must, run } from './run.mjs'

const [packages = 'packages'] = process.argv.slice(2)
const pattern = /^(seqloom(?:-[a-z]+\d*-[a-z0-9]+(?:-[a-z]+)?)?)-(\d+\.\d+\.\d+.*)\.tgz$/
const found = readdirSync(packages)
  .map((file) => pattern.exec(file))
  .filter(Boolean)
  .sort(([, a], [, b]) => Number(a === 'seqloom') - Number(b === 'seqloom'))

for (const [file, name, version] of found) {
  const { output } = await run('npm', ['view', `${name}@${version}`, 'version'], { capture: 'quiet' })
  if (output.trim() === version) console.log(`${name}@${version} is already published`)
  else await must('npm', ['publish', join(packages, file), '--provenance', '--access', 'public'])
}
