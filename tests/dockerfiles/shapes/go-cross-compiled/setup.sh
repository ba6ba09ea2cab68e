# git keeps no folder of this name.
mkdir -p context/.git && echo 'ref: refs/heads/main' > context/.git/HEAD
