mkdir t && echo hi > t/f && tar --sort=name --owner=0 --group=0 --mtime=@1700000000 -C t -cf context/d/a.tar f && rm -r t
