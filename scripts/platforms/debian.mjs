import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from '../cache.mjs'
import { must } from '../run.mjs'

/**
 * A folder of the cache into which Debian packages are unpacked, listed by architecture. Apt works in a folder of its own, so that nothing is
 * installed on this machine and no foreign architecture is added to it. They are of this machine's release, or of another that is named.
 */
export function debianPackages(name, packages, release) {
  return cached(`debian-${name}`, async (folder) => {
    for (const [architecture, names] of Object.entries(packages)) await unpack(folder, architecture, names, release)
  })
}

async function unpack(folder, architecture, names, release) {
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
  if (release !== undefined) {
    const { output } = await must('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Origin: Debian'], {
      capture: 'quiet',
    })
    const mirror = output.split('\n')[0]
    settings['Dir::Etc::sourcelist'] = join(apt, 'sources.list')
    settings['Dir::Etc::sourceparts'] = '-'
    writeFileSync(settings['Dir::Etc::sourcelist'], `deb ${mirror} ${release} main\n`)
  }
  const options = ['-qq', ...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])]
  await must('apt-get', [...options, 'update'])
  await must('apt-get', [...options, 'download', ...names], { cwd: apt })
  for (const file of readdirSync(apt).filter((each) => each.endsWith('.deb'))) {
    await must('dpkg-deb', ['-x', join(apt, file), folder])
  }
  rmSync(apt, { recursive: true })
}
