packages/api/test/t.ts
