import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { blocksOf } from '../helpers/documents.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

it('docs/start.md leads from nothing to a server that answers', { timeout: 120_000 }, async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'seqloom-start-'))
  const servers: ChildProcess[] = []
  // In place of `npm install seqloom`.
  mkdirSync(join(cwd, 'node_modules', '.bin'), { recursive: true })
  symlinkSync(root, join(cwd, 'node_modules', 'seqloom'))
  const command = join(cwd, 'node_modules', '.bin', 'seqloom')
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${root}dist/cli/main.js" "$@"\n`)
  chmodSync(command, 0o755)
  const env = { ...process.env, PATH: `${join(cwd, 'node_modules', '.bin')}:${process.env.PATH}`, SEQLOOM_THREADS: '1' }
  const said: string[] = []
  try {
    for (const { language, code } of blocksOf('docs/start.md')) {
      const [, file] = /^\/\/ (\S+\.mjs)$/m.exec(code) ?? []
      if (language === 'js' && file) writeFileSync(join(cwd, file), code)
      if (language !== 'sh' || code.includes('npm install')) continue
      for (const line of code.trim().split('\n')) {
        if (line.endsWith('&')) {
          const [, program = ''] = /^node (\S+) &$/.exec(line) ?? []
          const server = spawn(process.execPath, [program], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] })
          servers.push(server)
          await new Promise((resolve) => server.stdout.once('data', resolve))
        } else {
          const { status, stdout, stderr } = spawnSync('sh', ['-c', line.replace(/^npx /, '')], {
            cwd,
            env,
            encoding: 'utf8',
          })
          expect({ line, status }, stderr).toEqual({ line, status: 0 })
          said.push(stdout)
        }
      }
    }
    const [, , evaluated = '', predicted = '', explained = '', answered = ''] = said
    expect(evaluated).toMatch(/^accuracy (1|0\.9)/)
    expect(predicted).toMatch(/^delivery\t0\.\d+\tthe kettle is late/)
    expect(explained).toContain('refund')
    expect(JSON.parse(answered)).toMatchObject({ label: 'delivery' })
  } finally {
    for (const server of servers) server.kill()
    rmSync(cwd, { recursive: true, force: true })
  }
})
