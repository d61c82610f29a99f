import { describe, expect, it } from 'vitest'
import { runSource } from '../helpers/process.js'

const said = async (source: string): Promise<string> => {
  const { code, stdout, stderr } = await runSource(source)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.trim()
}

const requiring = "import { createRequire } from 'node:module'\nconst require = createRequire(`${process.cwd()}/`)\n"

describe('the entry seqloom/tfjs', () => {
  it('is not loaded by the main one', async () => {
    const source = `${requiring}require('seqloom')\nconsole.log(Object.keys(require.cache).filter((file) => /[\\\\/]tfjs[\\\\/]/.test(file)).length)`
    expect(await said(source)).toBe('0')
  })

  it('is one and the same, imported in any way and required', async () => {
    const source = `${requiring}import * as tf from 'seqloom/tfjs'\nimport whole from 'seqloom/tfjs'\nconst required = require('seqloom/tfjs')
      console.log(tf.Tensor === required.Tensor, whole.Sequential === tf.Sequential, tf.layers.lstm === required.layers.lstm)`
    expect(await said(source)).toBe('true true true')
  })

  it('shares the engine with the main one', async () => {
    const source = `${requiring}require('seqloom/tfjs')\nrequire('seqloom')
      console.log(Object.keys(require.cache).filter((file) => file.endsWith('.node')).length)`
    expect(await said(source)).toBe('1')
  })
})
