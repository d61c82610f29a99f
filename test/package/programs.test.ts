import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, it } from 'vitest'
import { bare, bareJson, copyOfInstallation } from './helpers/installation.js'
import { execute, projectRoot } from './helpers/run.js'

console.log(`from npm install to the first epoch: ${inject('secondsToFirstEpoch').toFixed(1)} s`)

it.each(['train.mjs', 'train.cjs'])('%s trains, saves, loads and sees our errors', async (program) => {
  expect(await bareJson(['node', program])).toEqual({ accuracy: 1, same: true, code: 'ERR_OPTION' })
})

it('programs in TypeScript are checked and run, as ESM and as CommonJS', async () => {
  const folder = copyOfInstallation()
  symlinkSync(join(projectRoot, 'node_modules/@types'), join(folder, 'node_modules/@types'))
  const options = ['--module', 'node20', '--target', 'es2023', '--strict', '--types', 'node']
  await execute([join(projectRoot, 'node_modules/.bin/tsc'), ...options, 'typed.mts', 'typed.cts'], folder)
  expect(await bareJson(['node', 'typed.mjs'], folder)).toEqual({
    epochs: 2,
    shape: [8, 1],
    error: 'SeqloomError',
    wrong: 'function',
  })
  expect(await bareJson(['node', 'typed.cjs'], folder)).toEqual({ epochs: 2, code: 'ERR_DATA' })
})

// What `lib` names, and the packages of types.
const surroundings: [string[], string[]][] = [
  [['es2020'], []],
  [['es2020', 'dom'], []],
  [['es2023', 'esnext.disposable'], ['node']],
  [['es2023', 'dom', 'esnext.disposable'], ['node']],
]

it.each(surroundings)('declarations are checked without complaint with lib %j and types %j', async (lib, types) => {
  const folder = copyOfInstallation()
  symlinkSync(join(projectRoot, 'node_modules/@types'), join(folder, 'node_modules/@types'))
  const common = { target: 'es2020', lib, types, strict: true, skipLibCheck: false, noEmit: true }
  for (const [module, moduleResolution] of [
    ['node16', 'node16'],
    ['esnext', 'bundler'],
  ]) {
    const config = { compilerOptions: { ...common, module, moduleResolution }, files: ['declared.ts'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    await execute([join(projectRoot, 'node_modules/.bin/tsc'), '-p', '.'], folder)
  }
})

it('import and require give the same objects', async () => {
  const { differing, missing, names } = await bareJson<{ differing: string[]; missing: string[]; names: number }>([
    'node',
    'sameClasses.cjs',
  ])
  expect({ differing, missing }).toEqual({ differing: [], missing: [] })
  expect(names).toBeGreaterThan(10)
})

it('the command trains, predicts and tells its version', async () => {
  const folder = copyOfInstallation()
  const seqloom = (...args: string[]) => bare(['node_modules/.bin/seqloom', ...args], folder)
  const columns = ['--text', 'text', '--label', 'label', '--out', 'mails']
  const sizes = ['--units', '8', '--embedding', '8', '--epochs', '2', '--validation-split', '0', '--json']
  const trained = await seqloom('train', 'classify', '--data', 'mails.csv', ...columns, ...sizes)
  expect(trained).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(trained.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ event: 'done' })
  const predicted = await seqloom('predict', '--model', 'mails', 'buy cheap pills')
  expect(predicted).toMatchObject({ code: 0, stdout: expect.stringMatching(/spam|ham/) })
  expect(await seqloom('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+/) })
})
