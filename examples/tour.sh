#!/bin/sh
# The whole road on made-up clips, in a folder of its own: extract, train, evaluate, translate a signer never seen.
set -e
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-asl-tour}
python "$here/signing.py" "$folder"
asl init "$folder/workspace"
asl extract -w "$folder/workspace" --poses "$folder/clips" --test-groups signer2
asl train-ctc -w "$folder/workspace" --batch-size 4 --epochs 60
asl evaluate -w "$folder/workspace"
asl translate -w "$folder/workspace" "$folder/unseen.pose" --overlay "$folder/unseen.mp4"
