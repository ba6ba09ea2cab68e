# Makes the files whose names not every system takes: run in the folder that holds context/.
printf "%s\n" 'i|j' > context/'i|j'
