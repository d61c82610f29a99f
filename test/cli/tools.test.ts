import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-tools-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const has = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0

describe('seqloom completion', () => {
  const script = async (shell: string): Promise<string> => {
    const { code, stdout } = await seqloom(['completion', shell])
    expect(code).toBe(0)
    const path = join(folder, `completion.${shell}`)
    writeFileSync(path, stdout)
    return path
  }

  it.skipIf(!has('bash'))('completes commands, flags and their values in bash', async () => {
    const path = await script('bash')
    const complete = (...words: string[]): string[] => {
      const program = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _seqloom; printf '%s\\n' "\${COMPREPLY[@]}"`
      const { stdout, stderr } = spawnSync('bash', ['-c', program, path, ...words], { encoding: 'utf8' })
      expect(stderr).toBe('')
      return stdout.trim().split('\n')
    }
    expect(complete('seqloom', 'tr')).toEqual(['train', 'transcribe', 'translate'])
    expect(complete('seqloom', 'train', 'cl')).toEqual(['classify'])
    expect(complete('seqloom', 'train', 'classify', '--learn')).toEqual(['--learning-rate'])
    expect(complete('seqloom', 'train', 'classify', '--cell', 'gr')).toContain('gru')
    expect(complete('seqloom', 'summary', '--model', folder.slice(0, -2))).toContain(folder)
  })

  it.skipIf(!has('zsh'))('is a script of zsh', async () => {
    expect(spawnSync('zsh', ['-n', await script('zsh')], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  })

  it.skipIf(!has('fish'))('completes commands and flags in fish', async () => {
    const program = `source ${await script('fish')}; complete -C 'seqloom train cl'; complete -C 'seqloom doctor --js'`
    const { stdout, stderr } = spawnSync('fish', ['-c', program], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(stdout.split('\n').map((line) => line.split('\t')[0])).toEqual(['classify', '--json', ''])
  })

  it('knows no other shells', async () => {
    expect(await seqloom(['completion', 'tcsh'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/bash, zsh, fish/),
    })
  })
})

describe('seqloom doctor', () => {
  it('says what runs, how fast it is and what to do', async () => {
    const { code, stdout } = await seqloom(['doctor', '--json'])
    expect(code).toBe(0)
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({ version: '0.1.0', simd: expect.any(String), advice: expect.any(Array) })
    expect(report.gflops).toBeGreaterThan(0.1)
    expect(report.healthy).toBe(report.advice.length === 0)
    expect((await seqloom(['doctor'])).stdout).toMatch(/GFLOP\/s[\s\S]*(All is well\.|^- )/m)
  })

  it('sees that a slower instruction set was asked for', () => {
    const program = new URL('../../dist/cli/main.js', import.meta.url).pathname
    const env = { ...process.env, SEQLOOM_SIMD: 'scalar' }
    const { stdout } = spawnSync(process.execPath, [program, 'doctor'], { encoding: 'utf8', env })
    expect(stdout).toContain('unset SEQLOOM_SIMD')
  })
})

describe('watching on the command line', () => {
  const data = join(folder, 'rows.csv')
  const lines = Array.from({ length: 40 }, (_, at) => `${at % 2 ? 'good' : 'bad'} film ${at},${at % 2 ? 'yes' : 'no'}`)
  writeFileSync(data, `text,label\n${lines.join('\n')}\n`)
  const train = (...others: string[]) => {
    const flags = ['--units', '4', '--embedding', '4', '--epochs', '2', '--validation-split', '0.2']
    return seqloom(['train', 'classify', '--data', data, ...flags, '--out', join(folder, 'model'), ...others])
  }

  it('seqloom train --dashboard tells the page’s address and keeps a record; --plot draws the curves', async () => {
    const [runs, plot] = [join(folder, 'runs'), join(folder, 'curves.svg')]
    const { code, stderr } = await train('--dashboard', '--runs', runs, '--plot', plot)
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/dashboard: http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\//)
    expect(stderr).toContain(`dashboard: the page has ended; seqloom dashboard '${runs}' shows its record`)
    const picture = readFileSync(plot, 'utf8')
    expect(picture).toContain('>accuracy<')
    expect(picture.match(/<path /g)).toHaveLength(4)
    const other = join(folder, 'other.svg')
    writeFileSync(other, 'mine')
    expect(await train('--plot', other)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is no drawing of ours/),
    })
  })

  it('refuses ports that are none, or in use, and folders without runs', async () => {
    expect((await train('--dashboard', '70000')).code).toBe(2)
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const used = await train('--dashboard', String(port), '--force')
    expect(used).toMatchObject({ code: 1, stderr: expect.stringMatching(/ERR_IO: .*is in use/) })
    server.close()
    const none = await seqloom(['dashboard', join(folder, 'model')])
    expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/ERR_DATA: there are no runs/) })
    const nowhere = await seqloom(['dashboard', join(folder, 'nowhere')])
    const told = expect.stringMatching(/ERR_IO: there is no folder of runs '.*nowhere'; .*--dashboard' make them/)
    expect(nowhere).toMatchObject({ code: 1, stderr: told })
  })
})
