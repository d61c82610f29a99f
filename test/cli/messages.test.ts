import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, expect, it, vi } from 'vitest'
import { lines } from '../../src/cli/texts.js'
import { seqloom } from '../helpers/cli.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-cli-messages-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('says how its options are given, in warnings and in errors', async () => {
  const data = join(folder, 'small.csv')
  writeFileSync(data, 'text,label\ngood one,a\nbad one,b\nbad two,b\n')
  const train = ['train', 'classify', '--data', data, '--out', join(folder, 'model'), '--epochs', '1', '--units', '2']
  const { code, stderr } = await seqloom(train)
  expect(code, stderr).toBe(0)
  expect(stderr).toMatch(/^seqloom: warning: .*; to measure, give --validation-split$/m)
  expect(stderr).not.toMatch(/validation(Split|Data)/)
  const refused = await seqloom([...train, '--force', '--validation-split', '0.99'])
  expect(refused.stderr).not.toMatch(/validationSplit/)
})

it('says that it waits for texts where these would come from a terminal', async () => {
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  try {
    const read = async (isTTY: boolean) => {
      const input = Object.assign(new PassThrough(), { isTTY })
      input.end('one\ntwo\n')
      const texts: string[] = []
      for await (const batch of lines(input as never, new AbortController().signal)) texts.push(...batch)
      return texts
    }
    expect(await read(false)).toEqual(['one', 'two'])
    expect(told).not.toHaveBeenCalled()
    expect(await read(true)).toEqual(['one', 'two'])
    expect(told.mock.calls).toEqual([[expect.stringMatching(/^seqloom: reading standard input.*Ctrl-\w.*\n$/)]])
  } finally {
    told.mockRestore()
  }
})
