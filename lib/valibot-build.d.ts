declare module '*/valibot/dist/index.min.mjs' {
  export * from 'valibot'
}
