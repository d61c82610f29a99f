import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from '../cache.mjs'
import { must } from '../run.mjs'

/**
 * A folder of the cache into which Debian packages are unpacked, listed by architecture. Apt works in a folder of its own, so that nothing is
 * installed on this machine and no foreign architecture is added to it.
 */
export function debianPackages(name, packages) {
  return cached(`debian-${name}`, async (folder) => {
    for (const [architecture, names] of Object.entries(packages)) await unpack(folder, architecture, names)
  })
}

async function unpack(folder, architecture, names) {
  const apt = join(folder, 'apt')
  for (const each of ['state/lists/partial', 'cache/archives/partial']) mkdirSync(join(apt, each), { recursive: true })
  writeFileSync(join(apt, 'status'), '')
  const settings = {
    'Dir::State': join(apt, 'state'),
    'Dir::State::status': join(apt, 'status'),
    'Dir::Cache': join(apt, 'cache'),
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': 'root',
  }
  const options = ['-qq', ...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])]
  await must('apt-get', [...options, 'update'])
  await must('apt-get', [...options, 'download', ...names], { cwd: apt })
  for (const file of readdirSync(apt).filter((each) => each.endsWith('.deb'))) {
    await must('dpkg-deb', ['-x', join(apt, file), folder])
  }
  rmSync(apt, { recursive: true })
}
