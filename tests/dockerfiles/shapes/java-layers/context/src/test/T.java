src/test/T.java
